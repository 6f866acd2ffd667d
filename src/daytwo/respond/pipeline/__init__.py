"""From a change of an alert to messages in the outbox: the stages, and who carries out what they say."""

from daytwo.respond.pipeline.case import WORDS, Case, Facts, Order, Reason
from daytwo.respond.pipeline.desk import Desk, Reach
from daytwo.respond.pipeline.stages import STAGES, routes_of, run
from daytwo.respond.pipeline.tellings import Tellings

__all__ = [
    "STAGES", "WORDS", "Case", "Desk", "Facts", "Order", "Reach", "Reason", "Tellings", "routes_of",
    "run",
]  # fmt: skip
