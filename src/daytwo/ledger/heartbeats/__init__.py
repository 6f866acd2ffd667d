"""Heartbeats: jobs elsewhere that report; what they promised, what they said, how they stand."""

from daytwo.ledger.heartbeats.book import KEPT, Book, Heartbeat, Ping, unknown_ping
from daytwo.ledger.heartbeats.judge import Facts, Promise, State, Verdict, assess
from daytwo.ledger.heartbeats.report import EXCERPT, Begun, Kind, Report
from daytwo.ledger.heartbeats.watch import GAP, Watch, Watches

__all__ = [
    "EXCERPT",
    "GAP",
    "KEPT",
    "Begun",
    "Book",
    "Facts",
    "Heartbeat",
    "Kind",
    "Ping",
    "Promise",
    "Report",
    "State",
    "Verdict",
    "Watch",
    "Watches",
    "assess",
    "unknown_ping",
]
