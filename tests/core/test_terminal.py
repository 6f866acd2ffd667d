"""Text from elsewhere: on a terminal and in a log it is text, whatever is in it."""

import io
import json
import logging
import os

import pytest

from daytwo.cli.output import line, print_json, table
from daytwo.core.terminal import colours, harmless, in_json, one_line
from daytwo.serve.log import configure

EVIL = "a\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J\x08\x7f\u202egpj.exe\r"
HARMFUL = ("\x1b", "\x07", "\x9b", "\x08", "\x7f", "\u202e", "\r")


@pytest.fixture(autouse=True)
def _log_as_before() -> object:
    root, uvicorn, own = logging.getLogger(), logging.getLogger("uvicorn.error"), logging.getLogger("daytwo")
    handlers, levels = root.handlers[:], (root.level, uvicorn.level, own.level)
    yield
    root.handlers[:] = handlers
    for one, level in zip((root, uvicorn, own), levels, strict=True):
        one.setLevel(level)


def test_controls_are_replaced_and_all_else_stays() -> None:
    assert not any(one in harmless(EVIL) for one in HARMFUL)
    assert harmless("Grüße\n\tan 東京 \U0001f600") == "Grüße\n\tan 東京 \U0001f600"


def test_colours_stay_where_they_are_our_own() -> None:
    assert harmless("\x1b[1;31mx\x1b[0m\x1b[2J\x1b[8", coloured=True) == "\x1b[1;31mx\x1b[0m\ufffd[2J\ufffd[8"


def test_what_commands_print_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    table(("WHO", "WHAT"), [(EVIL, "two\nlines"), ("b", "c")])
    line("\x1b]0;title\x07 and \x9b2J")
    print_json({"who": EVIL})
    out = capsys.readouterr().out
    assert not any(one in out for one in HARMFUL)
    assert len(out.splitlines()) == 3 + 1 + 3
    assert json.loads(out[out.index("{") :]) == {"who": EVIL}


def test_a_json_document_stays_the_same_document() -> None:
    document = {"a": EVIL, "Grüße": ["\u2066", "\x85", "\\u"]}
    text = in_json(json.dumps(document, ensure_ascii=False))
    assert json.loads(text) == document
    assert "Grüße" in text


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_forges_a_line_of_the_log(form: object, capsys: pytest.CaptureFixture[str]) -> None:
    configure(form)  # type: ignore[arg-type]
    logging.getLogger("daytwo.web").warning("no such page: %s", f"/{EVIL}\n2026 INFO web: forged\u2028")
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert not any(one in said for one in HARMFUL)
    assert one_line("a\nb\x1b") == r"a\nb\x1b"


def test_bad_requests_do_not_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.error").error("a defect")
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("told", "may"), [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch, told: dict[str, str], may: bool) -> None:
    for name, value in ({"TERM": "xterm"} | told).items():
        monkeypatch.setenv(name, value)
    if "NO_COLOR" not in told:
        monkeypatch.delenv("NO_COLOR", raising=False)
    ours, theirs = os.openpty()
    with os.fdopen(ours), os.fdopen(theirs, "w") as terminal:
        assert colours(terminal) is may
    assert not colours(io.StringIO())
