"""YAML as people mean it, with the place of everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.config.document import Tagged, dump, flow, parse
from daytwo.config.problems import Spot


def test_words_stay_words() -> None:
    data = parse("on: yes\nport: 22:22\nday: 2026-01-01\noctal: 0o17\nnumber: 007\nfloat: 1e3\nnone: ~\n", "f").data
    assert data == {
        "on": "yes", "port": "22:22", "day": "2026-01-01", "octal": "0o17", "number": 7, "float": 1000.0, "none": None,
    }  # fmt: skip


def test_keys_are_text() -> None:
    assert parse("1: a\ntrue: b\nnull: c\n", "f").data == {"1": "a", "true": "b", "null": "c"}


def test_places() -> None:
    document = parse("app: shop\nservices:\n  db: {kind: postgres, ports: [1, 2]}\n", "f")
    assert document.keys["services", "db"] == Spot("f", 3, 3)
    assert document.values["services", "db", "ports", 1] == Spot("f", 3, 35)
    assert document.spot(("services", "db", "absent", 3)) == Spot("f", 3, 3), "what is not there is where it would be"


def test_anchors_and_merge_keys() -> None:
    text = "base: &base {kind: postgres, user: a}\ndb:\n  <<: *base\n  user: b\nother:\n  <<: [{user: c}, *base]\n"
    document = parse(text, "f")
    assert document.data["db"] == {"kind": "postgres", "user": "b"}
    assert document.data["other"] == {"user": "c", "kind": "postgres"}
    assert document.spot(("db", "kind")) == Spot("f", 1, 20), "a merged value is where it is written"
    assert document.spot(("db", "user")) == Spot("f", 4, 9)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: 1\na: 2\n", "given twice"),
        ("a: &x [*x]\n", "holds itself"),
        ("a: &x {b: *x}\n", "holds itself"),
        ("a: &x {<<: *x}\n", "holds itself"),
        ("<<: 5\n", "only maps can be merged"),
        ("[1]: a\n", "a key must be a word"),
        ("a: !!python/object/apply:os.system [ls]\n", "means nothing here"),
        ("a: *b\n", "anchor"),
        ("a: \x01\n", "does not allow"),
        ("a: 'b\n", "not YAML"),
    ],
)
def test_mistakes(text: str, what: str) -> None:
    document = parse(text, "f")
    assert any(what in problem.what for problem in document.problems)
    assert all(problem.spot for problem in document.problems)


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    document = parse("\n".join(lines), "f")
    assert [problem.what for problem in document.problems] == ["too many values"]


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 3000 + "]" * 3000, "\n".join(" " * depth + "a:" for depth in range(1500))]
)
def test_what_is_nested_without_end_is_a_mistake_like_others(text: str) -> None:
    assert [problem.what.split(" inside")[0] for problem in parse(text, "f").problems] == ["more lists and maps"]


def test_tags_that_are_asked_for() -> None:
    document = parse("a: !reset null\nb: !override [1]\n", "f", tags=frozenset({"!reset", "!override"}))
    assert document.data == {"a": Tagged("!reset", None), "b": Tagged("!override", [1])}


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), TEXT, st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["on", "yes", "no", "~", "null", "1e3", "0o7", "22:22", "=", "<<"]),
    st.sampled_from(["- a", "a: b", "#", "2026-01-01", ".5"]),
)  # fmt: skip
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


@given(TREES)
def test_what_is_dumped_reads_back(data: object) -> None:
    for text in (dump(data), flow(data) + "\n"):
        document = parse(text, "f")
        assert (document.data, document.problems) == (data, ())


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    document = parse(text, "f")
    assert document.problems or document.data is None or document.values
