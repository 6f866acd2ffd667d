"""When nobody looked, as far as verdicts tell: pure functions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce

from daytwo.core.periods import Period, Periods, whole
from daytwo.watch.observations import NOBODY, State, Stretch

_AS_OFTEN = 2
"""A check that is asked at most so many times as rarely as the one that is asked most often, shows gaps as well."""


def unwatched(
    histories: Mapping[str, Sequence[Stretch]], states: Mapping[str, State], begin: datetime, end: datetime
) -> dict[str, Periods]:
    """The times in which nobody asked each check, and under the empty name those in which daytwo did not run.

    It did not run when none of the checks was asked that are asked most often; what is asked every hour does not show
    that it was down for ten minutes. Before the first observation there was nothing either.

    Args:
        histories: verdicts by check, see `Observations.histories`.
        states: how each check stands.
        begin: the first moment.
        end: the first moment after it.
    """
    own = {name: _unasked(history, end) for name, history in histories.items() if history}
    known = {name: histories[name][0].begin for name in own}
    often = [name for name in own if name in states]
    fastest = min((states[name].every for name in often), default=0.0)
    often = [name for name in often if states[name].every <= fastest * _AS_OFTEN]
    # Of a check that was not there yet nothing is missing: the others tell.
    down = reduce(
        lambda one, other: one & other, (own[name] | whole(begin, known[name]) for name in often), whole(begin, end)
    )
    if not often:
        down = Periods()
    return {"": down, **{name: periods | down for name, periods in own.items()}}


def _unasked(history: Sequence[Stretch], end: datetime) -> Periods:
    ends = [*(one.begin for one in history[1:]), end]
    return Periods(Period(one.begin, until) for one, until in zip(history, ends, strict=True) if one.why == NOBODY)
