"""`daytwo check` judges by the same rules as the daemon does, the built-in ones too."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from daytwo.cli.main import run
from tests.services.net.certs import DAY, sign

Asked = Callable[[str], tuple[int, str]]


@pytest.fixture
def asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asked:
    """Asks one check of a configuration: how it ends, and what is said of it."""
    sign(ends=2 * DAY).write(tmp_path, "soon")
    sign(ends=90 * DAY).write(tmp_path, "late")

    def ask(text: str) -> tuple[int, str]:
        (tmp_path / "daytwo.yaml").write_text(f"app: shop\n{text}")
        code = run(["check", "--json", "--config", str(tmp_path / "daytwo.yaml")])
        (told,) = json.loads(capsys.readouterr().out)["checks"]
        return code, told["why"]

    return ask


def test_a_built_in_rule_counts(asked: Asked) -> None:
    code, why = asked("services: {paper: {kind: certificate, path: soon.pem}}")
    assert (code, why) == (2, "rule paper.certificate_left: certificate_left < 3d")
    assert asked("services: {paper: {kind: certificate, path: late.pem}}") == (0, "")


def test_a_built_in_rule_that_is_replaced_or_off_does_not(asked: Asked) -> None:
    service = "services: {paper: {kind: certificate, path: soon.pem}}\n"
    assert asked(service + "rules: {paper.certificate_left: {off: true}}") == (0, "")
    milder = 'rules: {ends: {series: "*.certificate_left", warning: "< 9d"}}'
    assert asked(service + milder) == (1, "rule ends: certificate_left < 9d")


def test_a_failure_is_as_bad_as_its_rules_say(asked: Asked) -> None:
    service = "services: {job: {kind: command, probe: [sh, -c, 'echo no; exit 2']}}\n"
    assert asked(service) == (2, "no")
    assert asked(service + "rules: {job: {check: job, level: warning}}") == (1, "no")
    assert asked(service + "rules: {job: {check: job, level: info}, all: {check: 'j*'}}") == (2, "no")
    assert asked(service + "rules: {job: {off: true}}") == (2, "no")
