"""Kind `command` on this machine."""

from pathlib import Path

import pytest

from daytwo.core.errors import CommandError, DaytwoError, IntegrityError, SecretError, SourceError, UsageError
from daytwo.core.run import Run
from daytwo.core.service import Phase, Place, Service
from daytwo.services.command import CommandService, CommandSettings
from tests.contract.services import ServiceCase, ServiceContract, dump_to_file
from tests.services import folders


def service(folder: Path, **settings: object) -> CommandService:
    """The service, as configured by a file in `folder`."""
    return CommandService(
        "tool", CommandSettings.model_validate({"kind": "command", **settings}), Place(folder, "a", "t")
    )


class CommandCase(ServiceCase):
    """A file that only its own programs can read."""

    secrets = ("very-secret-value",)

    def __init__(self, base: Path) -> None:
        self.base = base
        self.live, self.other = base / "live", base / "other"
        (base / "key").write_text("very-secret-value")

    def _service(self, path: Path, **settings: object) -> Service:
        return service(
            self.base,
            dump=["sh", "-c", 'test -n "$KEY" && gzip -c <"$1"', "sh", str(path)],
            restore=["sh", "-c", 'test -n "$KEY" && gunzip -c >"$1"', "sh", str(path)],
            verify=["gzip", "-t"],
            name="gz",
            secrets={"KEY": {"file": "key"}},
            **settings,
        )

    def service(self) -> Service:
        return self._service(self.live)

    def elsewhere(self) -> Service:
        return self._service(self.other)

    def broken(self) -> list[Service]:
        return [
            self._service(self.base / "missing"),
            self._service(self.live, smallest="1GB"),
            self._service(self.live, container="daytwo-no-such-container"),
            service(self.base, dump=["true"]),
            service(self.base, dump=["sh", "-c", "echo half; exit 3"]),
            service(self.base, dump=["sh", "-c", 'echo "$KEY" >&2; exit 1'], secrets={"KEY": {"file": "key"}}),
            service(self.base, dump=["daytwo-no-such-program"]),
            service(self.base, dump=["./no-such-program"]),
            service(self.base, dump=["echo"], secrets={"KEY": {"file": "no-such-file"}}),
        ]

    def fill(self) -> None:
        self.live.write_bytes(bytes(range(256)) * 10_000)

    def change(self) -> None:
        self.live.write_text("changed")

    def destroy(self) -> None:
        self.live.unlink()

    def content(self, service: Service) -> object:
        path = Path(service.settings.dump[-1])
        return path.read_bytes() if path.exists() else None

    def leftovers(self) -> object:
        return folders.leftovers(self.base)


class TestCommand(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> CommandCase:
        (tmp_path / "base").mkdir()
        return CommandCase(tmp_path / "base")

    def test_restore_over_live_data_keeps_what_was_there(self, case: CommandCase, run: Run, tmp_path: Path) -> None:  # type: ignore[override]
        """A foreign program writes over what is there, and that is said before and after."""
        case.fill()
        before = case.content(case.service())
        (component,) = case.service().components()
        source, _ = dump_to_file(component, run, tmp_path)
        case.change()
        staged = component.stage(source, run)
        assert case.content(case.service()) == b"changed", "nothing is written before the swap"
        assert "safety snapshot" in staged.warnings[0]
        swapped = staged.swap()
        assert (swapped.kept, swapped.drop) == ("", "")
        assert case.content(case.service()) == before


@pytest.fixture
def run(tmp_path: Path) -> Run:
    work = tmp_path / "run-work"
    work.mkdir()
    return Run("0123456789abcdef", work, timeout=120)


def test_without_a_restore_program_there_is_an_obstacle_with_a_remedy(tmp_path: Path, run: Run) -> None:
    (component,) = service(tmp_path, dump=["echo", "x"]).components()
    source, _ = dump_to_file(component, run, tmp_path)
    assert "services.tool.restore" in component.obstacles(source.record, run)[0]
    with pytest.raises(UsageError):
        component.stage(source, run)


def test_f01_a_program_that_fails_after_writing_is_an_error(tmp_path: Path, run: Run) -> None:
    (component,) = service(tmp_path, dump=["sh", "-c", "echo half; exit 3"]).components()
    with pytest.raises(CommandError, match="code 3"):
        dump_to_file(component, run, tmp_path)
    (component,) = service(tmp_path, dump=["true"]).components()
    with pytest.raises(SourceError, match="0 bytes"):
        dump_to_file(component, run, tmp_path)


def test_f11_secrets_reach_the_program_by_its_environment_only(tmp_path: Path, run: Run) -> None:
    (tmp_path / "key").write_text("very-secret-value")
    script = 'tr "\\0" " " </proc/$$/cmdline; echo; echo "${#KEY} $PLAIN"'
    (component,) = service(
        tmp_path, dump=["sh", "-c", script], secrets={"KEY": {"file": "key"}}, env={"PLAIN": "p"}
    ).components()
    source, _ = dump_to_file(component, run, tmp_path)
    text = b"".join(source.chunks()).decode()
    assert "very-secret-value" not in text
    assert text.endswith("17 p\n")
    (component,) = service(tmp_path, dump=["echo"], secrets={"KEY": {"file": "none"}}).components()
    with pytest.raises(SecretError, match=r"services\.tool\.secrets\.KEY"):
        dump_to_file(component, run, tmp_path)


def test_a_restore_program_that_fails_names_the_way_back(tmp_path: Path, run: Run) -> None:
    (component,) = service(tmp_path, dump=["echo", "x"], restore=["sh", "-c", "cat >/dev/null; exit 4"]).components()
    source, _ = dump_to_file(component, run, tmp_path)
    with pytest.raises(DaytwoError, match="safety snapshot"):
        component.stage(source, run).swap()


def test_a_restore_program_that_stops_reading_is_told_of(tmp_path: Path, run: Run) -> None:
    (component,) = service(tmp_path, dump=["head", "-c", "9000000", "/dev/zero"], restore=["true"]).components()
    source, _ = dump_to_file(component, run, tmp_path)
    component.stage(source, run).swap()
    assert run.warnings == ["tool.dump: true did not read all of it"]


def test_without_a_verify_program_the_checksum_counts(tmp_path: Path, run: Run) -> None:
    (component,) = service(tmp_path, dump=["echo", "x"], restore=["true"]).components()
    source, _ = dump_to_file(component, run, tmp_path)
    assert component.verify(source, run).counts == {"bytes": 2}
    (tmp_path / "tool.dump").write_text("y\n")
    with pytest.raises(IntegrityError):
        component.stage(type(source)(source.record, lambda: iter([b"y\n"]), tmp_path / "w"), run)


def test_settings(tmp_path: Path) -> None:
    (component,) = service(tmp_path, dump=["x"], name="json.gz", when="files", smallest="2kB").components()
    assert (component.name, component.phase, component.smallest) == ("tool.json.gz", Phase.FILES, 2000)
    mistakes: list[dict[str, object]] = [
        {"dump": []},
        {"dump": [""]},
        {"dump": ["x"], "name": "../x"},
        {"dump": "a string"},
        {"dump": ["x"], "restore": []},
    ]
    for wrong in mistakes:
        with pytest.raises(ValueError):
            service(tmp_path, **wrong)


def test_a_relative_program_is_that_beside_the_configuration(tmp_path: Path, run: Run) -> None:
    program = tmp_path / "dump.sh"
    program.write_text("#!/bin/sh\necho from the folder\n")
    program.chmod(0o755)
    (component,) = service(tmp_path, dump=["./dump.sh"]).components()
    source, _ = dump_to_file(component, run, tmp_path)
    assert b"".join(source.chunks()) == b"from the folder\n"
