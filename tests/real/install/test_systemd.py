"""A real systemd runs what `daytwo install systemd` wrote: start, reload, stop, crash, hang, reboot, timers."""

import json
import secrets
from collections.abc import Iterator

import pytest

from tests.parts.docker import DockerEngine
from tests.real.install.machine import App, Machine, machine, timed

SLOW = ", before: [[sh, -c, 'test -e /srv/fast || sleep 300']]"


@pytest.fixture(scope="module")
def host(docker: DockerEngine) -> Iterator[Machine]:
    """The machine, one for all these tests."""
    with machine(docker) as made:
        yield made


@pytest.fixture
def app(host: Machine) -> Iterator[App]:
    """An app there that is not installed; of whatever is installed, nothing may stay."""
    made = App(host, f"shop-{secrets.token_hex(2)}")
    before = host.traces()
    made.configure()
    yield made
    made.remove()
    assert host.traces() == before
    host.run("rm", "-rf", made.folder, "/srv/fast", "/etc/daytwo")
    assert host.run("pgrep", "-fa", made.folder, code=None) == ""


def test_it_starts_reloads_and_stops(app: App) -> None:
    host = app.machine
    said = app.install()
    assert f"enabled and started {app.service}" in said
    assert app.daytwo("serve", "--check") == "the daemon is well"  # ready means that it answers
    assert host.run("systemctl", "is-enabled", app.service) == "enabled"
    assert host.show(f"{app.unit}-guard.timer", "ActiveState") == "active"
    pid = app.pid()
    assert "is as it should be" in app.install()
    app.configure(extra="heartbeats: {etl: {every: 1h}}\n")
    host.run("systemctl", "reload", app.service)
    app.until(lambda: "etl" in app.daytwo("heartbeats", code=None), "the new configuration counts")
    host.write(f"{app.folder}/daytwo.yaml", "app: [")
    host.run("systemctl", "reload", app.service)
    refused = "the configuration was refused"
    app.until(lambda: host.show(app.service, "StatusText") == refused, "a wrong configuration is refused")
    app.configure()
    assert app.pid() == pid and app.answers()
    assert timed(lambda: host.run("systemctl", "stop", app.service)) < 8 + 5
    assert (host.show(app.service, "Result"), host.show(app.service, "ActiveState")) == ("success", "inactive")
    assert app.daytwo("serve", "--check", code=5).startswith("/srv/")


def test_f30_a_daemon_that_is_killed_is_started_again_and_what_hangs_too(app: App) -> None:
    host = app.machine
    app.adjust(app.service, "[Service]\nWatchdogSec=4\nRestartSec=200ms\n")
    app.install()
    killed = app.pid()
    host.run("kill", "-KILL", str(killed))
    app.until(lambda: app.pid() not in (0, killed) and app.active() and app.answers(), "it is started again")
    hung = app.pid()
    host.run("kill", "-STOP", str(hung))
    assert not app.active() or app.pid() == hung
    app.until(lambda: app.pid() not in (0, hung) and app.active() and app.answers(), "the watchdog ends what hangs")
    assert host.show(app.service, "NRestarts") == "2"
    assert "Watchdog timeout" in host.run("journalctl", "--no-pager", "-u", app.service)


def test_the_guard_revives_what_systemd_has_given_up_but_not_what_a_person_stopped(app: App) -> None:
    host = app.machine
    app.adjust(app.service, "[Unit]\nStartLimitBurst=2\n[Service]\nRestartSec=100ms\n")
    app.adjust(
        f"{app.unit}-guard.timer",
        "[Timer]\nOnActiveSec=\nOnUnitInactiveSec=\nOnActiveSec=3s\nOnUnitInactiveSec=3s\nAccuracySec=100ms\n",
    )
    app.install()
    killed = app.pid()
    host.run("kill", "-KILL", str(killed))
    app.until(lambda: app.pid() not in (0, killed) and app.active(), "it is started again")
    host.run("kill", "-KILL", str(app.pid()))
    app.until(lambda: host.show(app.service, "ActiveState") == "failed", "systemd gives it up")
    app.until(lambda: app.active() and app.answers(), "the guard has it started")
    assert "does not answer" in host.run("journalctl", "--no-pager", "-u", f"{app.unit}-guard.service")
    host.run("systemctl", "stop", app.service)
    assert host.show(f"{app.unit}-guard.timer", "ActiveState") == "inactive"
    host.run("systemctl", "start", app.service)
    assert host.show(f"{app.unit}-guard.timer", "ActiveState") == "active"


def test_a_daemon_that_is_not_well_is_left_alone_and_one_that_hangs_is_not(app: App) -> None:
    host, guard = app.machine, f"{app.unit}-guard.service"
    app.install()
    pid = app.pid()
    host.run("systemctl", "start", guard)
    assert host.show(guard, "Result") == "success" and app.pid() == pid
    host.run("kill", "-STOP", str(pid))
    host.run("systemctl", "start", guard, code=1)  # after its patience
    app.until(lambda: app.pid() not in (0, pid) and app.active(), "it was started anew", seconds=60)
    assert app.answers()


def test_f16_after_a_reboot_it_runs_and_makes_up_the_backup_that_was_cut_short(app: App) -> None:
    host = app.machine
    app.configure(backup=SLOW)
    app.install()
    app.daytwo("schedule", "run", "nightly")

    def outcomes() -> list[str]:
        return [one["outcome"] for one in json.loads(app.daytwo("runs", "--json"))]

    app.until(lambda: outcomes()[:1] == ["running"], "a backup is at work")
    host.write("/srv/fast", "")
    host.reboot()
    app.until(app.active, "it runs after the reboot")
    app.until(lambda: "succeeded" in outcomes(), "the backup is made up")
    assert len(app.archives()) == 1


def backed_up(app: App, number: int) -> str:
    """Have the daemon make a backup; the content of its dump."""
    app.daytwo("schedule", "run", "nightly")
    app.until(lambda: len(app.archives()) == number, "a backup was made")
    return app.machine.run("tar", "-xzOf", app.archives()[-1], "--wildcards", "*word*")


def test_credentials_arrive_and_it_runs_as_the_user_it_is_told_to(app: App) -> None:
    host = app.machine
    host.write("/etc/daytwo/credentials/shop-word", "Chrysanthemum")
    host.run("chmod", "600", "/etc/daytwo/credentials/shop-word")
    dump = "[sh, -c, 'echo $(id -un) $WORD']"
    app.configure(services=f", word: {{kind: command, dump: {dump}, secrets: {{WORD: {{credential: shop-word}}}}}}")
    host.run("chown", "-R", "daemon", app.folder)
    app.install("--user", "daemon")
    assert backed_up(app, 1) == "daemon Chrysanthemum"
    assert host.run("stat", "-c", "%U", f"{app.folder}/.daytwo/daytwo.sock") == "daemon"
    guard = f"{app.unit}-guard.service"
    host.run("systemctl", "start", guard)
    assert host.show(guard, "ExecMainStatus") == "0"


def test_timers_make_up_what_was_missed_and_replace_the_daemon(app: App) -> None:
    host, service, timer = app.machine, f"{app.unit}-nightly.service", f"{app.unit}-nightly.timer"
    app.install()
    stamp = f"/var/lib/systemd/timers/stamp-{timer}"
    host.run("sh", "-c", f"mkdir -p /var/lib/systemd/timers && touch -d '3 days ago' {stamp}")
    app.install("--timer")
    assert host.show(app.service, "LoadState") == "not-found"
    app.until(lambda: len(app.archives()) == 1, "the missed backup is made up")
    app.until(lambda: host.show(service, "ActiveState") == "inactive", "it ends")
    assert host.show(service, "Result") == "success"
    assert " 03:00:00 UTC" in host.show(timer, "NextElapseUSecRealtime")


def test_the_log_file_is_rotated_while_the_daemon_writes(app: App) -> None:
    host, log = app.machine, f"/var/log/daytwo/{app.unit}.log"
    app.install("--log-file")
    assert "ready after" in host.run("cat", log)
    host.run("logrotate", "--force", "--state", "/tmp/state", f"/etc/logrotate.d/{app.unit}")
    assert "ready after" in host.run("cat", f"{log}.1")
    host.run("systemctl", "reload", app.service)
    app.until(lambda: "reload" in host.run("cat", log), "it writes on into the emptied file")
    assert "\0" not in host.run("cat", log)
    host.run("rm", "-r", "/var/log/daytwo")
