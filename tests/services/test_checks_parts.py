"""What checks of several kinds share: numbers of queries, totals, lines of df, answers without end."""

import pytest
from pydantic import ValidationError

from daytwo.core.check import Verdict
from daytwo.core.command import command
from daytwo.core.disk import read_df
from daytwo.core.errors import CommandError
from daytwo.core.query import Query, answer
from daytwo.core.reading import Rise, ask, one_line
from daytwo.core.run import Run
from daytwo.core.secrets import Secret
from daytwo.core.target import LOCAL


@pytest.mark.parametrize(("value", "expected"), [(3, 3.0), ("2.5", 2.5), (True, 1.0), (-1e300, -1e300)])
def test_one_number_is_an_answer(value: object, expected: float) -> None:
    found = answer([[value]], 0.1)
    assert found.verdict is Verdict.OK
    assert dict(found.numbers) == {"value": expected, "duration": 0.1}


@pytest.mark.parametrize("rows", [[], [[1], [2]], [[1, 2]], [[]], [[None]], [["Ann"]], [["NaN"]], [["Infinity"]]])
def test_anything_else_is_a_failure_that_tells_no_data(rows: list[list[object]]) -> None:
    found = answer(rows, 0.1)
    assert found.verdict is Verdict.FAILED and found.why
    assert "Ann" not in found.why and "value" not in found.numbers


def test_a_query_is_one_statement_with_a_patience_below_its_timeout() -> None:
    query = Query.model_validate({"sql": " select 1 ; ;\n", "timeout": "2s"})
    assert query.sql == "select 1 ;"
    assert query.patience == 1500
    assert Query.model_validate({"sql": "select 1", "timeout": "100ms"}).patience == 50
    for bad in (" ; ", "", "select '\0'"):
        with pytest.raises(ValidationError):
            Query.model_validate({"sql": bad})


def test_totals_rise_from_the_second_look_on_and_begin_anew() -> None:
    rise = Rise()
    assert rise.since_last({"a": 10, "b": 1}) is None
    assert rise.since_last({"a": 12, "b": 1}) == {"a": 2, "b": 0}
    assert rise.since_last({"a": 3, "b": 2}) is None, "the server was started anew"
    share = Rise()
    assert share.share(90, 10) is None
    assert share.share(90, 10) is None, "nothing was added"
    assert share.share(93, 11) == 0.75


@pytest.mark.parametrize(
    ("line", "folder", "share"),
    [
        ("/dev/sda1  100 40 60  40% /", "/", 0.4),
        ("//nas/my share 2 1000 250 750 25% /mnt/my disk 5", "/mnt/my disk 5", 0.25),
        ("tank/data 100 95 0 100% /data", "/data", 1.0),
        ("/dev/sda1 100 100 -5 105% /", "/", 1.0),
    ],
)
def test_a_line_of_df(line: str, folder: str, share: float) -> None:
    found = read_df(line)
    assert found and found.folder == folder and found.share == share


@pytest.mark.parametrize("line", ["Filesystem 1024-blocks Used Available Capacity Mounted on", "efi - - - - /boot",
                                  "btrfs 0 0 0 - /", "", "df: /x: Stale file handle"])  # fmt: skip
def test_what_is_no_line_of_df_counts_nothing(line: str) -> None:
    assert read_df(line) is None


def test_an_answer_without_end_is_cut_short(tmp_path) -> None:
    run = Run("f" * 16, tmp_path, timeout=30)
    with pytest.raises(CommandError, match="larger than 1 MB"):
        ask(LOCAL, command("yes"), run, most=1_000_000)


def test_one_line_holds_no_secret_and_no_control_signs() -> None:
    Secret("correct horse")
    said = one_line("a\n\tb \x1b[31m correct horse " + "x" * 1000)
    assert said.startswith("a b ?[31m *** x") and len(said) == 300 and said.isprintable()
