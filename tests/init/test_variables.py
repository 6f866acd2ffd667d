"""`.env` files and `${NAME}` as Compose reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.init.variables import read_env, substitute

KNOWN = {"A": "a", "EMPTY": "", "B": "b"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A", "a"), ("${A}", "a"), ("x${A}y", "xay"), ("$A$B", "ab"), ("$$A", "$A"), ("$", "$"),
        ("$1", "$1"), ("${A", "${A"),
        ("${X:-d}", "d"), ("${X-d}", "d"), ("${EMPTY:-d}", "d"), ("${EMPTY-d}", ""), ("${A:-d}", "a"),
        ("${X:-${B}}", "b"),
        ("${X:-${Y:-deep}}", "deep"), ("${A:+i}", "i"), ("${EMPTY:+i}", ""), ("${EMPTY+i}", "i"), ("${X+i}", ""),
        ("${A:?e}", "a"), ("${X:-}", ""), ("${X:-a:b}", "a:b"), ("${X}", ""), ("$X", ""), ("${1}", ""),
    ],
)  # fmt: skip
def test_substitution(text: str, value: str) -> None:
    assert substitute(text, KNOWN, set()) == value


def test_what_has_no_value_is_noted() -> None:
    missing: set[str] = set()
    substitute("$X ${Y} ${Z:-d} ${A} ${W:?must}", KNOWN, missing)
    assert missing == {"X", "Y", "W"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K=v", "v"), ("K = v ", "v"), ("export K=v", "v"), ("K: v", "v"), ("K=", ""), ("K=a b", "a b"),
        ("K=a #c", "a"),
        ("K=a#c", "a#c"), ("K=#c", ""), ('K="a #b" # c', "a #b"), ("K='a $A'", "a $A"), ('K="a $A"', "a a"),
        ("K=$A", "a"),
        (r'K="a\nb"', "a\nb"), (r"K='a\nb'", r"a\nb"), ('K="two\nlines"', "two\nlines"), (r'K="q\"q"', 'q"q'),
        (r'K="\$A"', "$A"), ("K=a=b", "a=b"), ("K='open", "'open"), ('K=""', ""),
    ],
)  # fmt: skip
def test_env_files(line: str, value: str) -> None:
    assert read_env(f"# comment\n\n{line}\nLAST=1", KNOWN)["K"] == value


def test_later_lines_see_earlier_ones_and_the_surroundings_go_first() -> None:
    assert read_env("X=1\nY=${X}2\nA=mine\nZ=$A", KNOWN) == {"X": "1", "Y": "12", "A": "mine", "Z": "a"}


@given(st.text(max_size=80))
def test_nothing_makes_them_raise(text: str) -> None:
    substitute(text, KNOWN, set())
    read_env(text, KNOWN)
