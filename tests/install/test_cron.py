"""Plans for cron, and putting them into effect with a stand-in for the `crontab` program."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from daytwo.config import Config, load
from daytwo.core.errors import CommandError, ConfigError, RefusedError
from daytwo.core.run import Run
from daytwo.install import table
from daytwo.install.cron import Machine, plan, with_block, without_block
from daytwo.install.daemon import Daemon, Kind, observe
from daytwo.install.table import apply, read_table, rehearse, uninstall
from tests.install.stage import YAML

Make = Callable[..., Machine]
STANDIN = """#!/bin/sh
# A stand-in for crontab(1) as Debian has it, with its table in a file.
table="{table}"
case "$1" in
-l) [ -f "$table" ] || {{ echo "no crontab for root" >&2; exit 1; }}; cat "$table" ;;
-r) rm "$table" ;;
-) cat > "$table.new"; if grep -q REFUSE "$table.new"; then echo "errors in crontab file" >&2; exit 1; fi
   mv "$table.new" "$table" ;;
*) exit 2 ;;
esac
"""


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file behind a stand-in for `crontab`."""
    programs, kept = tmp_path / "programs", tmp_path / "table"
    programs.mkdir()
    (programs / "crontab").write_text(STANDIN.format(table=kept))
    (programs / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return kept


def test_as_root_it_is_a_file_of_its_own(config: Config, machine: Make, tmp_path: Path) -> None:
    planned = plan(config, machine())
    assert planned.file and not planned.block
    assert planned.file.path == tmp_path / "root/etc/cron.d/daytwo-shop"
    log, yaml = tmp_path / "root/var/log/daytwo-shop.log", tmp_path / "app/daytwo.yaml"
    assert planned.file.text == (
        "# daytwo-shop: written by `daytwo install cron`. Do not edit it; run that again, or "
        "`daytwo install cron --remove`.\n"
        "SHELL=/bin/sh\n"
        "PATH=/usr/bin:/bin\n"
        "\n"
        "# backup nightly: 0 3 * * * Europe/Berlin\n"
        f"0 3 * * * root /opt/daytwo/bin/daytwo backup nightly --config {yaml} >> {log} 2>&1\n"
        "# backup monthly: 30 4 1 * * Europe/Berlin\n"
        f"30 4 1 * * root /opt/daytwo/bin/daytwo backup monthly --config {yaml} >> {log} 2>&1\n"
    )
    assert planned.warnings == ()
    assert planned.advice[0] == f"output goes to {log}" and "logrotate.d/daytwo-shop" in planned.advice[1]


def test_otherwise_it_is_a_block_that_sets_nothing_for_other_lines(
    config: Config, machine: Make, tmp_path: Path
) -> None:
    planned = plan(config, machine(system=False, cron=Daemon(Kind.CRONIE, True), zone="UTC"))
    assert planned.file is None
    first, *inside, last = planned.block.splitlines()
    assert "daytwo-shop" in first and last == "# <<< daytwo-shop <<<"
    assert all(line.startswith(("#", "0 * * * * ", "0,30 * * * * ")) for line in inside)
    log = tmp_path / "home/.local/state/daytwo/daytwo-shop.log"
    assert inside[1] == (
        "0 * * * * /usr/bin/env PATH=/usr/bin:/bin /opt/daytwo/bin/python -m daytwo.install.due '0 3 * * *' "
        f"Europe/Berlin >> {log} 2>&1 && /usr/bin/env PATH=/usr/bin:/bin /opt/daytwo/bin/daytwo backup nightly "
        f"--config {tmp_path}/app/daytwo.yaml >> {log} 2>&1"
    )


def test_cronie_is_told_the_zone(config: Config, machine: Make) -> None:
    planned = plan(config, machine(cron=Daemon(Kind.CRONIE, True), zone="UTC"))
    assert planned.file and "\nCRON_TZ=Europe/Berlin\n" in planned.file.text
    assert [line.timing.fields for line in planned.lines] == ["0 3 * * *", "30 4 1 * *"]


def test_debians_cron_does_not_know_zones_and_asks(config: Config, machine: Make) -> None:
    planned = plan(config, machine(zone="UTC"))
    assert planned.file and "CRON_TZ" not in planned.file.text
    assert all(line.ask for line in planned.lines)
    assert "asks daytwo every hour" in planned.advice[-1]


def test_a_cron_that_does_not_run_is_a_warning_with_its_remedy(config: Config, machine: Make) -> None:
    planned = plan(config, machine(cron=Daemon(Kind.OTHER, False, "cron does not run: start it with `x`")))
    assert planned.warnings == ("nothing will run yet: cron does not run: start it with `x`",)


def test_secrets_from_the_environment_are_a_warning(machine: Make, tmp_path: Path) -> None:
    path = tmp_path / "daytwo.yaml"
    path.write_text(YAML + "  pinged: {at: '0 1 * * *', ping: {env: PING_URL}}\n")
    (warning,) = plan(load(path), machine()).warnings
    assert "PING_URL will be missing there" in warning


def test_another_environment_has_a_name_of_its_own(machine: Make, tmp_path: Path) -> None:
    path = tmp_path / "daytwo.yaml"
    path.write_text(YAML + "environment: staging\n")
    assert plan(load(path), machine()).name == "daytwo-shop-staging"


def test_no_backup_with_a_time_is_said(machine: Make, tmp_path: Path) -> None:
    path = tmp_path / "daytwo.yaml"
    path.write_text(YAML.partition("backups:")[0] + "backups: {by-hand: {}}\n")
    with pytest.raises(ConfigError, match="no backup says when it runs"):
        plan(load(path), machine())


def test_percent_signs_and_spaces_survive_cron(machine: Make, tmp_path: Path) -> None:
    path = tmp_path / "100% mine" / "daytwo.yaml"
    path.parent.mkdir()
    path.write_text(YAML)
    planned = plan(load(path), machine())
    assert planned.file and r"100\% mine" in planned.file.text
    assert all("100% mine" in line.shell for line in planned.lines)


def test_a_line_break_in_a_path_is_refused(config: Config, machine: Make) -> None:
    with pytest.raises(RefusedError, match="line break"):
        plan(config, machine(program="/opt/a\n* * * * * root rm/daytwo"))


def test_installing_twice_changes_nothing_and_a_new_schedule_replaces_the_old(
    config: Config, machine: Make, run: Run
) -> None:
    planned = plan(config, machine())
    assert planned.file
    assert apply(planned, run) == [f"wrote {planned.file.path}"]
    assert apply(planned, run) == [f"{planned.file.path} is as it should be"]
    assert oct(planned.file.path.stat().st_mode & 0o777) == "0o644"
    changed = plan(config, machine(path="/bin"))
    assert changed.file and apply(changed, run) == [f"wrote {planned.file.path}"]
    assert planned.file.path.read_text() == changed.file.text
    assert [path.name for path in planned.file.path.parent.iterdir()] == ["daytwo-shop"]


def test_somebody_elses_file_is_left_alone(config: Config, machine: Make, run: Run, crontab: Path) -> None:
    planned = plan(config, machine())
    assert planned.file
    planned.file.path.parent.mkdir(parents=True)
    planned.file.path.write_text("0 1 * * * root mine\n")
    with pytest.raises(RefusedError, match="already something else"):
        apply(planned, run)
    with pytest.raises(RefusedError, match="did not write this file"):
        uninstall(planned.name, machine(), run)
    assert planned.file.path.read_text() == "0 1 * * * root mine\n"


def test_removing_the_file(config: Config, machine: Make, run: Run, crontab: Path) -> None:
    planned = plan(config, machine())
    apply(planned, run)
    assert planned.file
    assert uninstall(planned.name, machine(), run) == [f"removed {planned.file.path}"]
    assert uninstall(planned.name, machine(), run) == []


def test_a_users_table_keeps_its_other_lines(config: Config, machine: Make, run: Run, crontab: Path) -> None:
    user = machine(system=False)
    crontab.write_text("MAILTO=me\n0 1 * * * mine")
    planned = plan(config, user)
    assert "wrote it into your crontab" in apply(planned, run)[0]
    assert crontab.read_text() == "MAILTO=me\n0 1 * * * mine\n" + planned.block
    assert apply(planned, run) == ["your crontab is as it should be"]
    crontab.write_text(crontab.read_text() + "0 2 * * * later\n")
    moved = plan(config, replace(user, path="/elsewhere"))
    apply(moved, run)
    assert crontab.read_text() == "MAILTO=me\n0 1 * * * mine\n0 2 * * * later\n" + moved.block
    assert uninstall(planned.name, user, run) == ["removed it from your crontab"]
    assert crontab.read_text() == "MAILTO=me\n0 1 * * * mine\n0 2 * * * later\n"


def test_a_users_table_that_was_not_there_is_not_there_afterwards(
    config: Config, machine: Make, run: Run, crontab: Path
) -> None:
    apply(plan(config, machine(system=False)), run)
    assert crontab.exists()
    uninstall("daytwo-shop", machine(system=False), run)
    assert not crontab.exists()


def test_two_apps_in_one_table_do_not_touch_each_other(
    config: Config, machine: Make, run: Run, crontab: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(YAML.replace("app: shop", "app: shop-2"))
    user = machine(system=False)
    apply(plan(config, user), run)
    apply(plan(load(other), user), run)
    uninstall("daytwo-shop", user, run)
    assert crontab.read_text() == plan(load(other), user).block


@pytest.mark.parametrize("system", [True, False])
def test_another_configuration_of_the_same_name_is_not_put_out_of_work(
    config: Config, machine: Make, run: Run, crontab: Path, tmp_path: Path, system: bool
) -> None:
    """Two clones of one repository on a server: the second took the place of the first, whose backups ended."""
    apply(plan(config, machine(system=system)), run)
    clone = tmp_path / "the clone's" / "100% mine" / "daytwo.yaml"
    clone.parent.mkdir(parents=True)
    clone.write_text(YAML)
    with pytest.raises(RefusedError, match=f"installed for {config.path}, which has the same name"):
        apply(plan(load(clone), machine(system=system)), run)
    config.path.unlink()  # moved there, that is
    apply(plan(load(clone), machine(system=system)), run)
    clone.rename(clone.with_name("moved.yaml"))
    config.path.write_text(YAML)
    apply(plan(config, machine(system=system)), run)


def test_a_table_that_cannot_be_read_is_not_taken_for_empty(
    config: Config, machine: Make, run: Run, crontab: Path
) -> None:
    crontab.write_text("0 1 * * * mine\n")
    program = Path(os.environ["PATH"].split(":")[0]) / "crontab"
    program.write_text("#!/bin/sh\necho 'cannot open your crontab: Input/output error' >&2\nexit 1\n")
    with pytest.raises(CommandError, match="cannot be read: cannot open your crontab"):
        apply(plan(config, machine(system=False)), run)
    assert crontab.read_text() == "0 1 * * * mine\n"


def test_a_table_that_crontab_refuses_stays_as_it_was(config: Config, machine: Make, run: Run, crontab: Path) -> None:
    crontab.write_text("0 1 * * * mine\n")
    with pytest.raises(CommandError, match="errors in crontab file"):
        apply(plan(config, machine(system=False, program="/REFUSE/daytwo")), run)
    assert crontab.read_text() == "0 1 * * * mine\n"


def test_odd_bytes_in_a_table_survive(config: Config, machine: Make, run: Run, crontab: Path) -> None:
    crontab.write_bytes(b"# caf\xe9\n")
    apply(plan(config, machine(system=False)), run)
    uninstall("daytwo-shop", machine(system=False), run)
    assert crontab.read_bytes() == b"# caf\xe9\n"


@pytest.mark.parametrize("broken", ["first", "last", "twice", "turned"])
def test_damaged_marks_are_refused(config: Config, machine: Make, broken: str) -> None:
    block = plan(config, machine(system=False)).block
    first, *inside, last = block.splitlines()
    text = {"first": [*inside, last, "mine"], "last": [first, *inside, "mine"],
            "twice": [first, last, first, last], "turned": [last, *inside, first]}[broken]  # fmt: skip
    with pytest.raises(RefusedError, match="marks of daytwo-shop"):
        without_block("\n".join(text), "daytwo-shop")


def test_a_block_goes_in_and_out_of_any_table() -> None:
    block = "\n".join(["# x"])
    for rest in ("", "a\n", "a", "a\n\n"):
        assert with_block(rest, "daytwo-shop", block).startswith(rest)


@pytest.mark.parametrize("system", [True, False])
def test_a_rehearsal_gives_the_command_what_cron_would(
    config: Config, machine: Make, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: bool
) -> None:
    """The program is a stand-in that tells of its environment; the rest is as it would be installed."""
    monkeypatch.setenv("RESTIC_PASSWORD", "not for cron")
    program = tmp_path / "100% daytwo"
    program.write_text('#!/bin/sh\npwd\nenv\necho "args: $*"\necho trouble >&2\nexit 3\n')
    program.chmod(0o755)
    (tmp_path / "home").mkdir()
    there = machine(system=system, program=str(program), python=sys.executable, zone="UTC", path="/usr/bin:/bin:/opt/x")
    planned = plan(config, there)
    planned.log.parent.mkdir(parents=True)
    planned.log.write_text("last night\n")
    nightly, monthly = rehearse(planned, there, run)
    assert (nightly.code, monthly.backup) == (3, "monthly")
    lines = nightly.output.splitlines()
    assert lines[0] == str(tmp_path / "home") and "last night" not in lines
    assert f"args: backup nightly --config {tmp_path}/app/daytwo.yaml" in lines and "trouble" in lines
    names = {line.partition("=")[0] for line in lines if "=" in line}
    assert names <= {"HOME", "LOGNAME", "SHELL", "PATH", "PWD", "OLDPWD", "SHLVL", "_"}
    assert "PATH=/usr/bin:/bin:/opt/x" in lines
    assert not (tmp_path / "root/etc").exists()


def test_a_rehearsal_of_one_that_cannot_start(config: Config, machine: Make, run: Run) -> None:
    there = machine(program="/no/such/daytwo")
    (one,) = rehearse(plan(config, there), there, run, "nightly")
    assert one.code == 127 and "/no/such/daytwo" in one.output


def test_a_rehearsal_notices_that_the_question_cannot_be_put(config: Config, machine: Make, run: Run) -> None:
    there = machine(program="/bin/true", python="/no/such/python", zone="UTC")
    (one,) = rehearse(plan(config, there), there, run, "nightly")
    assert one.code == 127 and "/no/such/python" in one.output


def test_the_question_works_in_crons_environment() -> None:
    done = subprocess.run(["env", "-i", sys.executable, "-m", "daytwo.install.due", "* * * * *", "UTC"],
                          capture_output=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_looking_for_cron(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    programs, root = tmp_path / "programs", tmp_path / "root"
    programs.mkdir()
    assert observe(run, root, str(programs)).kind is Kind.NONE
    assert "apt-get install cron" in observe(run, root, str(programs)).remedy
    for name, text in (("cron", ""), ("crond", "echo cronie 1.5.7"), ("busybox", "exit 1")):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    assert observe(run, root, str(programs)).kind is Kind.CRONIE
    (programs / "crond").unlink()
    (programs / "crond").symlink_to("busybox")
    assert observe(run, root, str(programs)).kind is Kind.BUSYBOX
    (programs / "crond").unlink()
    stopped = observe(run, root, str(programs))
    assert stopped == Daemon(Kind.OTHER, False, "cron does not run: start it with `service cron start`")
    (root / "proc/77").mkdir(parents=True)
    (root / "proc/77/comm").write_text("cron\n")
    assert observe(run, root, str(programs)) == Daemon(Kind.OTHER, True)


def test_looking_for_cron_where_systemd_is(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    programs, root = tmp_path / "programs", tmp_path / "root"
    (root / "run/systemd/system").mkdir(parents=True)
    programs.mkdir()
    (programs / "cron").write_text("#!/bin/sh\n")
    (programs / "cron").chmod(0o755)
    said = programs / "systemctl"
    said.write_text("#!/bin/sh\nprintf 'inactive\\nfailed\\n'\nexit 3\n")
    said.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    assert "systemctl enable --now cron" in observe(run, root, str(programs)).remedy
    said.write_text("#!/bin/sh\nprintf 'inactive\\nactive\\n'\nexit 3\n")
    assert observe(run, root, str(programs)).running


def test_this_machine_can_be_described(run: Run) -> None:
    here = Machine.here(run)
    assert here.path.startswith("/") and here.zone and here.user
    assert here.system is (os.geteuid() == 0 and here.cron.kind is not Kind.BUSYBOX)
    assert Path(here.program).name == "daytwo"


def test_reading_an_absent_table(run: Run, crontab: Path) -> None:
    assert read_table(run) == ""
    assert table.CRON_PATH == "/usr/bin:/bin"
