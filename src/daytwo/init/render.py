"""Writes findings as a `daytwo.yaml` that a person can read, with a reason wherever something was decided."""

import textwrap
from collections.abc import Iterator

from daytwo.config.document import dump, flow
from daytwo.init.findings import Findings, Found

_WIDTH = 116


def render(findings: Findings, recipient: str, zone: str) -> str:
    """The text of the file.

    Args:
        findings: what the folder holds.
        recipient: the recovery key's public half.
        zone: IANA zone of the times in the file.
    """
    blocks = [
        _head(findings, zone), _services(findings), _recovery(recipient), _repositories(findings), _backups(findings)
    ]  # fmt: skip
    return "\n".join("\n".join(block) + "\n" for block in blocks)


def _head(findings: Findings, zone: str) -> list[str]:
    lines = [
        *_comment(f"How {findings.app} is kept safe. Made by `daytwo init` from {findings.source}; yours to edit.", ""),
        "# `daytwo config check` finds mistakes, `daytwo config show` prints every setting with its default.",
        f"app: {flow(findings.app)}",
        "environment: production",
        f"timezone: {zone}  # of all times in this file",
    ]
    if findings.recipes:
        lines.append(f"extends: {flow(list(findings.recipes))}  # packaged presets, merged under this file")
    return lines


def _services(findings: Findings) -> list[str]:
    lines = ["services:"]
    for found in findings.services:
        lines += _service(found)
    for name in findings.absent:
        lines.append(f"  {name}: null  # the recipe has it, this installation has not")
    if findings.left_out:
        lines += ["", "  # Left out:"]
        for one in findings.left_out:
            lines += _comment(f"- {one.what}: {one.reason}", "  ", "  ")
    if findings.web:
        lines += ["", "  # Web services; `NAME: {kind: http, url: ...}` has one watched:"]
        lines += [line for one in findings.web for line in _comment(f"- {one}", "  ", "  ")]
    if findings.warnings:
        lines += ["", "  # Please look at:"]
        lines += [line for one in findings.warnings for line in _comment(f"- {one}", "  ", "  ")]
    return lines


def _service(found: Found) -> Iterator[str]:
    if found.comment:
        yield from _comment(found.comment, "  ")
    short = f"  {found.name}: {flow(dict(found.settings))}"
    if len(short) <= _WIDTH:
        yield short
        return
    yield f"  {found.name}:"
    for key, value in found.settings.items():
        line = f"    {key}: {flow(value)}"
        if len(line) > _WIDTH and isinstance(value, list):
            yield f"    {key}:"
            yield from (f"      - {flow(one)}" for one in value)
        else:
            yield line


def _recovery(recipient: str) -> list[str]:
    return [
        "# Secret services are encrypted to these keys before they are stored. This machine cannot read them: that",
        "# takes the secret key, which `daytwo init` showed once. `daytwo keys check` proves that a key opens the",
        "# latest snapshot.",
        "recovery:",
        "  recipients:",
        f"    - {recipient}",
    ]


def _repositories(findings: Findings) -> list[str]:
    example = {
        "kind": "restic", "url": f"s3:https://s3.example.com/{findings.app}", "password": {"env": "RESTIC_PASSWORD"}
    }  # fmt: skip
    lines = ["repositories:", "  local: {kind: archive, path: ./backups}"]
    lines += [
        "  # A second place, for the day on which this machine is gone (needs restic; then name it in `to` below):"
    ]
    lines += [
        "  # offsite:",
        *(f"  #   {line}" for line in dump(example).splitlines()[:2]),
        "  #   password: {env: RESTIC_PASSWORD}",
    ]
    return lines


def _backups(findings: Findings) -> list[str]:
    lines = ["backups:", "  nightly:  # every service above", '    at: "0 3 * * *"  # minute hour day month weekday']
    if findings.stop:
        for container, why in findings.stop:
            lines += _comment(f"{container}: {why}", "    ")
        lines.append(f"    stop: {flow([container for container, _ in findings.stop])}")
    lines += [
        "    keep: {last: 7}",
        "    # to: [local, offsite]",
        "    # ping: {env: HEALTHCHECK_URL}  # a heartbeat service that hears of start, success and failure",
    ]
    return lines


def _comment(text: str, indent: str, hanging: str = "") -> list[str]:
    """A comment of as many lines as it needs. Nothing that came from a file can end it: YAML has several line ends."""
    words = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return textwrap.wrap(
        words, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# {hanging}",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
