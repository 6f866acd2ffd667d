"""How the end of a run is told to who ordered it: by the run itself, or by the ledger when it had ended before."""

import pytest

from daytwo.cli.deliver import _end
from daytwo.core.errors import CancelledError, DaytwoError

RESULT = {"snapshot": "3f9c"}


@pytest.mark.parametrize(
    "told",
    [
        {"outcome": "succeeded", "result": RESULT, "exit": 0},
        {"outcome": "succeeded", "what": "snapshot 3f9c in local", "result": RESULT},
        {"outcome": "partial", "what": "offsite: no route to host", "result": RESULT},
        {"outcome": "failed", "what": "", "result": RESULT},
    ],
)
def test_what_has_a_result_gives_it_whoever_tells(told: dict[str, object]) -> None:
    assert _end(told) == RESULT


def test_what_failed_is_an_error_whoever_tells() -> None:
    with pytest.raises(DaytwoError, match="the disk is full"):
        _end({"outcome": "failed", "what": "the disk is full", "result": {"error": "the disk is full"}})
    with pytest.raises(CancelledError):
        _end({"outcome": "cancelled", "what": "stopped by anna", "result": {}})
