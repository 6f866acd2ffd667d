"""On-call: who has which turn, who took over, and through which channels somebody is reached."""

from daytwo.respond.oncall.reach import Delivery, reach, team_channels
from daytwo.respond.oncall.roster import GapData, OnCall, Roster, RotaData, ShiftData, Take
from daytwo.respond.oncall.takeovers import Takeovers
from daytwo.respond.oncall.turns import Shift, Takeover, gaps, members, on_call, shifts
from daytwo.respond.oncall.watching import GapWatch

__all__ = [
    "Delivery", "GapData", "GapWatch", "OnCall", "Roster", "RotaData", "Shift", "ShiftData", "Take", "Takeover",
    "Takeovers", "gaps", "members", "on_call", "reach", "shifts", "team_channels",
]  # fmt: skip
