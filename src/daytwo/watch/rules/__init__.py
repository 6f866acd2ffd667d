"""Rules: what is an alert, since when, and when it is over."""

from daytwo.watch.rules.book import Book, Key, Transition
from daytwo.watch.rules.bound import Bindings
from daytwo.watch.rules.defaults import meaning, rules_of
from daytwo.watch.rules.evaluator import Evaluator, Look
from daytwo.watch.rules.machine import Memory, Move, Reading, State, Terms, step
from daytwo.watch.rules.replay import Replay, Replayed, replay_check, replay_series

__all__ = [
    "Bindings",
    "Book",
    "Evaluator",
    "Key",
    "Look",
    "Memory",
    "Move",
    "Reading",
    "Replay",
    "Replayed",
    "State",
    "Terms",
    "Transition",
    "meaning",
    "replay_check",
    "replay_series",
    "rules_of",
    "step",
]
