"""The scripts for people who expect scripts."""

import subprocess
from pathlib import Path

import pytest

from daytwo.config import Config
from daytwo.core.errors import DaytwoError, RefusedError
from daytwo.install import scripts

NAMES = ["backup.sh", "health-check.sh", "restore.sh", "verify-backup.sh"]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A stand-in for daytwo that tells what it was given."""
    path = tmp_path / "my tools" / "daytwo"
    path.parent.mkdir()
    path.write_text('#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\nexit 3\n')
    path.chmod(0o755)
    return path


def test_each_starts_its_command_and_passes_on_everything(config: Config, program: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    done = scripts.apply(scripts.plan(config, str(program), folder))
    assert sorted(line.rpartition("/")[2] for line in done) == NAMES
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    for name, verb in (("backup.sh", "backup"), ("verify-backup.sh", "verify"), ("restore.sh", "restore"),
                       ("health-check.sh", "status")):  # fmt: skip
        argv = [str(folder / name), "a b", "$HOME", "--yes"]
        said = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/", env={})
        assert said.returncode == 3
        assert said.stdout.splitlines() == [
            f"[{verb}]", "[--config]", f"[{config.path}]", "[a b]", "[$HOME]", "[--yes]",
        ]  # fmt: skip


def test_they_are_what_a_careful_reader_expects(config: Config, program: Path, tmp_path: Path) -> None:
    for file in scripts.plan(config, str(program), tmp_path):
        lines = file.text.splitlines()
        assert lines[0] == "#!/bin/bash" and "set -euo pipefail" in lines and file.mode == 0o755
        subprocess.run(["bash", "-n"], input=file.text, text=True, check=True)


def test_a_second_time_nothing_changes(config: Config, program: Path, tmp_path: Path) -> None:
    planned = scripts.plan(config, str(program), tmp_path / "bin")
    scripts.apply(planned)
    (tmp_path / "bin/backup.sh").chmod(0o600)
    assert all(line.endswith("is as it should be") for line in scripts.apply(planned))
    assert (tmp_path / "bin/backup.sh").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("taken", ["restore.sh", "health-check.sh"])
def test_somebody_elses_script_is_never_overwritten_and_nothing_else_written(
    config: Config, program: Path, tmp_path: Path, taken: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / taken).write_text("#!/bin/sh\necho mine\n")
    with pytest.raises(RefusedError, match=taken):
        scripts.apply(scripts.plan(config, str(program), folder))
    assert [path.name for path in folder.iterdir()] == [taken]
    assert "mine" in (folder / taken).read_text()


def test_a_folder_or_a_dead_link_in_the_way_is_somebody_elses(config: Config, program: Path, tmp_path: Path) -> None:
    planned = scripts.plan(config, str(program), tmp_path / "bin")
    (tmp_path / "bin/backup.sh").mkdir(parents=True)
    with pytest.raises(RefusedError):
        scripts.apply(planned)
    (tmp_path / "bin/backup.sh").rmdir()
    (tmp_path / "bin/backup.sh").symlink_to("nowhere")
    with pytest.raises(RefusedError):
        scripts.apply(planned)


def test_a_folder_that_cannot_be_made_is_explained(config: Config, program: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").write_text("")
    with pytest.raises(DaytwoError, match="Not a directory"):
        scripts.apply(scripts.plan(config, str(program), tmp_path / "bin"))


def test_a_program_without_a_place_is_refused(config: Config, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no absolute path"):
        scripts.plan(config, "daytwo", tmp_path)
