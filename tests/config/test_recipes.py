"""Recipes are merged under the file; what is wrong in one says so."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo import config
from daytwo.config import ConfigFileError
from daytwo.config.document import Document, dump, parse
from daytwo.config.recipes import merge, packaged

RECIPIENT = "age1xr4m63u9ld4wxkqapsdq78efntg9ww0rz83ycas3247gs5fl7u5qsdpsz8"


def merged(under: str, over: str) -> Any:
    return merge(parse(under, "under"), parse(over, "over")).data


def test_maps_are_merged_and_lists_replaced() -> None:
    under = "a: {b: 1, c: {d: 2}}\nlist: [1, 2]\n"
    assert merged(under, "a: {c: {e: 3}}\nlist: [9]\n") == {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "list": [9]}


def test_null_takes_away() -> None:
    assert merged("a: {b: 1, c: 2}\n", "a: {b: null}\n") == {"a": {"c": 2}}


def test_null_for_what_is_not_there_stays_a_mistake_that_is_told() -> None:
    assert merged("a: {b: 1}\n", "a: {c: null}\n") == {"a": {"b": 1, "c": None}}


def test_another_kind_replaces_the_whole_service() -> None:
    assert merged("db: {kind: postgres, user: a}\n", "db: {kind: mysql}\n") == {"db": {"kind": "mysql"}}
    assert merged("db: {kind: mysql, user: a}\n", "db: {kind: mysql}\n") == {"db": {"kind": "mysql", "user": "a"}}


def test_a_reference_to_a_secret_is_replaced_as_a_whole() -> None:
    assert merged("p: {env: A}\n", "p: {file: b}\n") == {"p": {"file": "b"}}


def test_every_value_is_where_it_was_written() -> None:
    document = merge(parse("a: {b: 1, c: 2}\n", "recipe x"), parse("a:\n  c: 3\n", "daytwo.yaml"))
    assert str(document.spot(("a", "b"))) == "recipe x:1:8"
    assert str(document.spot(("a", "c"))) == "daytwo.yaml:2:6"


def test_later_recipes_go_before_earlier_ones_and_the_file_before_all(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("app: one\nenvironment: one\ntimezone: Europe/Paris\n")
    (tmp_path / "two.yaml").write_text("extends: ./three.yaml\nenvironment: two\n")
    (tmp_path / "three.yaml").write_text("environment: three\nservices: {db: {kind: postgres, container: three}}\n")
    loaded = config.parsed("app: shop\nextends: [./one.yaml, ./two.yaml]\n", tmp_path / "daytwo.yaml")
    assert (loaded.app, loaded.environment, loaded.timezone) == ("shop", "two", "Europe/Paris")
    assert loaded.services["db"].container == "three"
    assert loaded.origin.sources == ("daytwo.yaml", "./one.yaml", "./two.yaml", "./three.yaml")


def test_a_mistake_in_a_recipe_names_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("services:\n  db: {kind: postgres, usr: a}\n")
    with pytest.raises(ConfigFileError) as caught:
        config.parsed("app: shop\nextends: [./base.yaml]\n", tmp_path / "daytwo.yaml")
    assert "./base.yaml:2:24  services.db.usr  unknown setting; did you mean `user`?" in str(caught.value)


def test_a_recipe_that_extends_itself(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: [./b.yaml]\n")
    (tmp_path / "b.yaml").write_text("extends: [./a.yaml]\n")
    with pytest.raises(ConfigFileError, match=r"\./a.yaml extends itself"):
        config.parsed("app: shop\nextends: [./a.yaml]\n", tmp_path / "daytwo.yaml")


@pytest.mark.parametrize("recipe", packaged())
def test_packaged_recipes_load(recipe: str, tmp_path: Path) -> None:
    text = f"app: x\nextends: [{recipe}]\nrecovery: {{recipients: [{RECIPIENT}]}}\n"
    loaded = config.parsed(
        f"{text}repositories: {{local: {{kind: archive, path: ./backups}}}}\n", tmp_path / "daytwo.yaml"
    )
    assert loaded.services and "nightly" in loaded.backups
    assert loaded.origin.sources[1] == f"recipe {recipe}"


KEYS = st.sampled_from(["a", "b", "c", "kind", "env"])
TREES = st.recursive(
    st.none() | st.integers() | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)
MAPS = st.dictionaries(KEYS, TREES, max_size=4)


def document(data: object, name: str) -> Document:
    return parse(dump(data), name)


@given(MAPS)
def test_merging_nothing_changes_nothing(data: dict[str, object]) -> None:
    assert merge(document({}, "under"), document(data, "over")).data == data
    assert merge(document(data, "under"), document({}, "over")).data == data


@given(MAPS, MAPS)
def test_every_merged_value_has_its_place(under: dict[str, object], over: dict[str, object]) -> None:
    whole = merge(document(under, "under"), document(over, "over"))

    def walk(data: object, path: tuple[str | int, ...]) -> None:
        assert path in whole.values
        inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
        for step, value in inner:
            walk(value, (*path, step))

    walk(whole.data, ())


@given(MAPS, MAPS)
def test_what_the_file_says_counts(under: dict[str, object], over: dict[str, object]) -> None:
    whole = merge(document(under, "under"), document(over, "over")).data
    for key, value in over.items():
        if not isinstance(value, dict) and not (value is None and key in under):
            assert whole[key] == value or (under.get("kind") != over.get("kind") and "kind" in over and "kind" in under)
