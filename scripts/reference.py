"""Writes docs/reference/ from the program itself: settings, commands, exit codes, plug-ins.

Run `python scripts/reference.py` after a change; a test fails when the pages are not what this would write.
"""

import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any

import typer.main
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from daytwo.cli.main import SECTIONS, program
from daytwo.config.acting import Action, Blocking
from daytwo.config.models import Backup, Config, Hook, Keep, Ping, Recovery
from daytwo.config.objectives import Maintenance, Objective, Objectives, Opening
from daytwo.config.serving import Heartbeat, Records, Serve, Tls
from daytwo.core.errors import ExitCode
from daytwo.core.registry import blocker_class, channel_class, kinds, repository_class, service_class
from daytwo.core.secrets import SecretRef
from daytwo.web.routes import AREAS
from scripts import measures

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
HEAD = "<!-- Written by scripts/reference.py; edit the code instead. -->\n\n"


def pages() -> dict[str, str]:
    """All pages by file name."""
    return {
        "commands.md": HEAD + _commands(),
        "configuration.md": HEAD + _configuration(),
        "services.md": HEAD + _kinds("services"),
        "checks.md": HEAD + measures.page(),
        "repositories.md": HEAD + _kinds("repositories"),
        "channels.md": HEAD + _kinds("channels"),
        "blockers.md": HEAD + _kinds("blockers"),
        "exit-codes.md": HEAD + _exit_codes(),
        "api.md": HEAD + _api(),
    }


def _commands() -> str:
    out = ["# Commands\n", "Every command takes `--help`. Those that print facts take `--json`.\n"]
    whole: Any = typer.main.get_command(program())
    for title, section in SECTIONS.items():
        out.append(f"## {title}\n")
        for name in section:
            out += _help(whole.commands[name], f"daytwo {name}")
    return "\n".join(out)


def _help(command: Any, path: str) -> Iterator[str]:
    context = command.context_class(command, info_name=path, max_content_width=100, terminal_width=100)
    yield f"### {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    for name, child in getattr(command, "commands", {}).items():
        yield from _help(child, f"{path} {name}")


def _configuration() -> str:
    out = ["# Configuration\n", "One file, `daytwo.yaml`. `daytwo config schema` prints the same as a JSON Schema.\n"]
    titles: dict[str, type[BaseModel]] = {
        "The file": Config,
        "backups": Backup,
        "backups: keep": Keep,
        "backups: hooks (before, after, on_failure)": Hook,
        "backups: ping": Ping,
        "recovery": Recovery,
        "heartbeats": Heartbeat,
        "objectives": Objectives,
        "objectives: by": Objective,
        "objectives: hours": Opening,
        "maintenance": Maintenance,
        "actions": Action,
        "blocking": Blocking,
        "serve": Serve,
        "serve: tls": Tls,
        "records": Records,
        "Secrets": SecretRef,
    }
    for title, model in titles.items():
        out += [f"## {title}\n", f"{_doc(model)}\n", _settings(model)]
    out.append("The settings of each kind of service are in [services](services.md), of repositories in "
               "[repositories](repositories.md), of channels in [channels](channels.md), of blockers in "
               "[blockers](blockers.md).\n")  # fmt: skip
    return "\n".join(out)


def _api() -> str:
    out = ["# API\n", "The same in OpenAPI form: `/api/openapi.json`, and to try out: `/api/docs`.\n"]
    for area in AREAS:
        out += [f"## {area.name}\n", "| route | role | does |", "|---|---|---|"]
        for route in area.router.routes:
            assert isinstance(route, APIRoute)
            role = (route.openapi_extra or {})["x-role"]
            method = ", ".join(sorted(route.methods or ()))
            what = (inspect.getdoc(route.endpoint) or "").split("\n")[0]
            out.append(f"| `{method} {route.path}` | {role} | {_cell(what)} |")
        out.append("")
    return "\n".join(out)


def _kinds(package: str) -> str:
    out = [f"# {package.capitalize()}\n"]
    find: dict[str, Callable[[str], Any]] = {
        "services": service_class, "repositories": repository_class, "channels": channel_class,
        "blockers": blocker_class,
    }  # fmt: skip
    for kind in kinds(package):
        plugin = find[package](kind)
        out += [f"## {kind}\n", f"{plugin.summary[0].upper()}{plugin.summary[1:]}.\n", _settings(plugin.Settings)]
    return "\n".join(out)


def _settings(model: type[BaseModel]) -> str:
    rows = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        rows.append(
            f"| `{field.alias or name}` | {_type(field)} | {_default(field)} | {_cell(field.description or '')} |"
        )
    return "\n".join(rows) + "\n"


def _type(field: FieldInfo) -> str:
    return _cell(_name(field.annotation))


def _name(kind: object) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _name(arguments[0])
    if origin in (typing.Union, UnionType):
        return " or ".join(dict.fromkeys(_name(one) for one in arguments if one is not type(None)))
    if origin is typing.Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    if origin in (tuple, list):
        return f"list of {_name(arguments[0])}"
    if origin is dict:
        return f"map of {_name(arguments[1])}"
    words = {"str": "text", "int": "number", "bool": "true or false", "Path": "path", "SecretRef": "secret reference"}
    name = getattr(kind, "__name__", str(kind))
    return words.get(name, re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value == () or field.default_factory is not None:
        return ""
    if isinstance(value, BaseModel):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _exit_codes() -> str:
    rows = ["# Exit codes\n", "| code | name | meaning |", "|---|---|---|"]
    source = inspect.getsource(ExitCode)
    for code in ExitCode:
        match = re.search(rf'{code.name} = \d+\n\s+"""(.+?)"""', source, re.S)
        assert match, f"{code.name} has no docstring"
        rows.append(f"| {int(code)} | {code.name} | {_cell(' '.join(match[1].split()))} |")
    return "\n".join(rows) + "\n"


def _doc(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").split("\n\nArgs:")[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text.rstrip() + "\n", encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")


if __name__ == "__main__":
    main()
