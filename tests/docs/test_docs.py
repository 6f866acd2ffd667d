"""Undocumented means failing: settings, commands, plug-ins, exit codes; and no link leads nowhere."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
from fastapi.routing import APIRoute
from pydantic import BaseModel
from scripts import measures, reference

from daytwo.cli.main import COMMANDS, SECTIONS, program
from daytwo.config import acting, models, serving
from daytwo.core.registry import blocker_class, channel_class, kinds, repository_class, service_class
from daytwo.web.routes import AREAS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
MODELS = [
    value
    for value in {**vars(models), **vars(serving), **vars(acting)}.values()
    if isinstance(value, type) and issubclass(value, BaseModel)
]
ROUTES = [route for area in AREAS for route in area.router.routes if isinstance(route, APIRoute)]
PLUGINS: list[Any] = [
    find(kind)
    for package, find in {
        "services": service_class, "repositories": repository_class, "channels": channel_class, "blockers": blocker_class
    }.items()
    for kind in kinds(package)
]  # fmt: skip
HOW_TOS = {
    "services": ("back-up", "watch"), "repositories": ("choose-repositories",), "channels": ("channels",),
    "blockers": ("actions",),
}  # fmt: skip


@pytest.mark.parametrize("name", reference.pages())
def test_the_reference_is_what_the_code_says(name: str) -> None:
    written = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert written == reference.pages()[name].rstrip() + "\n", "run: python scripts/reference.py"


@pytest.mark.parametrize("model", [*MODELS, *(plugin.Settings for plugin in PLUGINS)], ids=lambda m: m.__name__)
def test_every_setting_is_documented(model: type[BaseModel]) -> None:
    bare = [name for name, field in model.model_fields.items() if not field.description]
    assert bare == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_route_says_what_it_does(route: APIRoute) -> None:
    assert route.endpoint.__doc__
    assert route.endpoint.__doc__.strip().split("\n")[0][-1] in ".?"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.kind)
def test_every_plugin_has_a_summary_and_a_how_to(plugin: Any) -> None:
    assert re.fullmatch(r"\S.{8,}[^.\s]", plugin.summary), "a phrase, without a full stop"
    names = HOW_TOS[plugin.__module__.split(".")[1]]
    pages = [ROOT / "docs" / "how-to" / f"{name}.md" for name in names]
    assert any(f"`{plugin.kind}`" in page.read_text(encoding="utf-8") for page in pages)


def test_every_command_says_what_it_does_and_each_option_what_it_means() -> None:
    whole: Any = typer.main.get_command(program())
    assert set(whole.commands) == set(COMMANDS)
    for section in SECTIONS.values():
        for name, summary in section.items():
            assert summary.endswith(".")
            for one in _all(whole.commands[name]):
                assert one.help, one.name
                for parameter in one.params:
                    assert getattr(parameter, "help", "") or parameter.param_type_name == "argument", parameter.name


def _all(command: Any) -> list[Any]:
    return [command, *(one for child in getattr(command, "commands", {}).values() for one in _all(child))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_leads_nowhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_the_docs_exists(page: Path) -> None:
    names = {name for section in SECTIONS.values() for name in section}
    for line in re.findall(r"^\$ daytwo ([a-z]+)", page.read_text(encoding="utf-8"), re.M):
        assert line in names


@pytest.mark.parametrize("kind", kinds("services"))
def test_every_measure_says_what_it_is(kind: str) -> None:
    page = (reference.FOLDER / "checks.md").read_text(encoding="utf-8")
    for check in measures.smallest(kind).checks():
        assert f"### `{check.name}`" in page
        assert check.about
        for one in check.measures:
            assert len(one.about) > 3, f"{check.name}.{one.name}"
            assert f"| `{one.name}` |" in page
