"""The probe of kind `command`: the conventions of monitoring plug-ins."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from daytwo.core.check import Unit, Verdict
from daytwo.core.service import AnyService, Place
from daytwo.services.command import CommandService, CommandSettings
from daytwo.services.command.perfdata import read
from tests.contract.checks import CheckCase, CheckContract, ask
from tests.services.watched import named, observe


def probe(folder: Path, *argv: str, **settings: object) -> CommandService:
    made = CommandSettings.model_validate({"kind": "command", "probe": list(argv), **settings})
    return CommandService("probe", made, Place(folder, "shop", "test"))


def shell(folder: Path, script: str, **settings: object) -> CommandService:
    return probe(folder, "sh", "-c", script, **settings)


class ProbeCase(CheckCase):
    secrets = ("very-secret-value",)

    def __init__(self, base: Path) -> None:
        self.base = base
        (base / "key").write_text("very-secret-value")

    def good(self) -> list[AnyService]:
        return [shell(self.base, "echo 'fine | jobs=3'"), shell(self.base, "true"), shell(self.base, "exec >&-")]

    def broken(self) -> list[AnyService]:
        key = {"KEY": {"file": "key"}}
        return [
            shell(self.base, 'echo "$KEY is wrong"; exit 2', secrets=key),
            shell(self.base, 'echo "$KEY" >&2; exit 1', secrets=key),
            shell(self.base, "exit 77"),
            shell(self.base, "kill -9 $$"),
            probe(self.base, "yes"),
            shell(self.base, r"printf 'a\tb\033[31m\377\0'; exit 2"),
            shell(self.base, "head -c 100000 /dev/zero | tr '\\0' x; exit 2"),
        ]

    def absent(self) -> list[AnyService]:
        return [probe(self.base, "true", container="daytwo-no-such-container")]

    def slow(self) -> list[AnyService]:
        return [probe(self.base, "sleep", "60"), shell(self.base, "sleep 60 & wait")]

    def our_fault(self) -> list[AnyService]:
        return [
            probe(self.base, "daytwo-no-such-program"),
            probe(self.base, "./no-such-program"),
            shell(self.base, "daytwo-no-such-program"),
            probe(self.base, "true", secrets={"KEY": {"file": "no-such-file"}}),
            shell(self.base, "echo cannot tell; exit 3"),
        ]


class TestProbe(CheckContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> ProbeCase:
        return ProbeCase(tmp_path)


def test_a_warning_is_a_failure_of_that_level(tmp_path: Path) -> None:
    found = observe(shell(tmp_path, "echo 'disk is getting full|used=91%'; exit 1"), tmp_path)
    assert found.verdict is Verdict.FAILED
    assert found.why == "disk is getting full"
    assert found.facts["level"] == "warning"
    assert found.numbers["used"] == pytest.approx(0.91)
    assert observe(shell(tmp_path, "exit 2"), tmp_path).facts["level"] == "critical"


def test_numbers_are_measures_from_then_on(tmp_path: Path) -> None:
    script = "if [ -e seen ]; then echo 'ok | b=2c'; else touch seen; echo 'ok | a=1ms'; fi"
    check = named(shell(tmp_path, f"cd '{tmp_path}' && {script}"))
    assert [one.name for one in check.measures] == ["duration"]
    assert ask(check, tmp_path).numbers["a"] == 0.001
    ask(check, tmp_path)
    known = {one.name: one for one in check.measures}
    assert known["a"].unit is Unit.SECONDS and known["b"].total, "what is left out once is not forgotten"


def test_a_probe_cannot_make_series_without_end(tmp_path: Path) -> None:
    check = named(shell(tmp_path, "echo \"ok | $(seq -f 'n%g=1' 1 500 | tr '\\n' ' ')\""))
    found = ask(check, tmp_path)
    assert len(check.measures) == 100 and len(found.numbers) == 100


def test_perfdata_of_the_guidelines() -> None:
    said = read(
        "DISK OK - free space: / 3326 MB | /=2643MB;5948;5958;0;5968 'time of day'=12us;;;0 'it''s'=5%;80:90;~:95\n"
        "/ 15272 MB;\n/boot 68 MB | /boot=68KiB;88;93;0;98 in=42c rta=U neg=-1.5s exp=1e3B odd=5parsecs =3 empty=\n"
        "/home=69357GB;253404;253409;0;253414 plain=.5 plain=9"
    )
    assert said.line == "DISK OK - free space: / 3326 MB"
    values = {one.measure.name: (one.value, one.measure.unit, one.measure.total) for one in said.data}
    assert values == {
        "/": (2643e6, Unit.BYTES, False),
        "time of day": (pytest.approx(12e-6), Unit.SECONDS, False),
        "it's": (0.05, Unit.RATIO, False),
        "/boot": (68 * 1024, Unit.BYTES, False),
        "in": (42, Unit.COUNT, True),
        "neg": (-1.5, Unit.SECONDS, False),
        "exp": (1000, Unit.BYTES, False),
        "/home": (69357e9, Unit.BYTES, False),
        "plain": (0.5, Unit.COUNT, False),
    }


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({}, "give `dump`"),
        ({"restore": ["true"]}, "give `dump`"),
        ({"probe": ["true"], "verify": ["true"], "restore": ["true"]}, "restore and verify without `dump`"),
        ({"probe": []}, "as a list"),
        ({"probe": [""]}, "as a list"),
        ({"dump": []}, "as a list"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_words(block: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        CommandSettings.model_validate({"kind": "command", **block})


def test_with_a_probe_only_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    service = probe(tmp_path, "true")
    assert service.components() == () and service.tools() == ("true",)
    dumped = CommandSettings.model_validate({"kind": "command", "dump": ["true"]})
    assert CommandService("tool", dumped, Place(tmp_path, "a", "t")).checks() == ()
