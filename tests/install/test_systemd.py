"""The units that are planned, judged by systemd-analyze; and putting them into effect with a stand-in for systemctl."""

import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daytwo.cli.main import run as daytwo
from daytwo.config import Config, load
from daytwo.core.errors import CommandError, ConfigError, RefusedError, UsageError
from daytwo.core.run import Run
from daytwo.install.systemctl import apply, owned, uninstall
from daytwo.install.systemd import Host, SystemdPlan, Wish, plan, writable
from daytwo.install.unit import word
from tests.install.stage import YAML
from tests.parts.need import require

NAME = "daytwo-shop"
TIMERS = Wish(timers=True)
Write = Callable[[str], Config]
STANDIN = """#!/bin/sh
# A stand-in for systemctl(1) that writes down what it is told.
echo "$*" >> "{log}"
case "$*" in *" {fail} "*) echo "Job for it failed." >&2; exit 1 ;; esac
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a configuration and read it."""

    def made(text: str) -> Config:
        path = tmp_path / "app" / "daytwo.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return load(path)

    return made


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A machine with systemd, whose files are the test's."""
    return Host(252, True, "/bin/true", tmp_path / "root", datetime(2026, 11, 20, tzinfo=UTC))


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What the stand-in for systemctl was told; it fails from now on where a word is given."""
    programs, log = tmp_path / "programs", tmp_path / "told"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def said(fail: str = "nothing") -> list[str]:
        (programs / "systemctl").write_text(STANDIN.format(log=log, fail=fail))
        (programs / "systemctl").chmod(0o755)
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line.removeprefix("--no-ask-password ") for line in lines]

    said()
    return said


def texts(planned: SystemdPlan) -> dict[str, str]:
    return {file.path.name: file.text for file in planned.files}


def analyzed(what: str, folder: Path, *names: str) -> str:
    """What systemd-analyze has to say of units in a folder, which it cannot tell from an administrator's."""
    tool = require("systemd-analyze", package="systemd")
    done = subprocess.run(
        [tool, what, *(["--offline=yes", "--threshold=100"] if what == "security" else ["--man=no"]),
         *(str(folder / name) for name in names)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


EVERYTHING = f"""{YAML}
  missed: {{at: "30 2 * * * UTC", missed: report}}
serve: {{stop_within: 40s, listen: "127.0.0.1:443"}}
"""
WISHES = {
    "root": Wish(),
    "user": Wish(user="daemon", start_delay=30, log_file=True),
    "timers": TIMERS,
    "timers-user": Wish(user="daemon", timers=True, log_file=True),
}


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
def test_systemd_analyze_has_nothing_to_complain_of(write: Write, host: Host, run: Run, wish: Wish) -> None:
    planned = plan(write(EVERYTHING + "state: {credential: shop-state}\n"), host, wish)
    apply(planned, host, run, start=False)
    names = [file.path.name for file in planned.files if file.path.parent == host.units]
    assert analyzed("verify", host.units, *names).strip() == ""
    for name in names:
        if name.endswith(".service"):
            level = re.search(r"Overall exposure level for \S+: ([\d.]+)", analyzed("security", host.units, name))
            assert level and float(level[1]) < 5, (name, level)


def test_verify_would_complain(host: Host, write: Write, run: Run) -> None:
    planned = plan(write(YAML), host, Wish())
    apply(planned, host, run, start=False)
    service = host.units / f"{NAME}.service"
    service.write_text(service.read_text().replace("WatchdogSec=120", "WatchdogSecs=120"))
    assert "WatchdogSecs" in analyzed("verify", host.units, service.name)


def test_the_daemons_unit(write: Write, host: Host) -> None:
    config = write(EVERYTHING)
    planned = plan(config, host, Wish(start_delay=30))
    units = texts(planned)
    assert list(units) == [f"{NAME}.service", f"{NAME}-guard.service", f"{NAME}-guard.timer", f"{NAME}-revive.service"]
    assert planned.begin == (f"{NAME}.service",)
    lines = units[f"{NAME}.service"].splitlines()
    for line in (
        "Type=notify", "NotifyAccess=main", "ExecStartPre=/bin/sleep 30", "TimeoutStartSec=330",
        f"ExecStart=/bin/true serve --config {config.path}", "ExecReload=/bin/kill -HUP $MAINPID", "WatchdogSec=120",
        "Restart=always", "RestartSec=5", "StartLimitIntervalSec=300", "StartLimitBurst=10", "KillMode=mixed",
        "TimeoutStopSec=55", "OOMPolicy=continue", "OOMScoreAdjust=-500", "UMask=0077", "User=root",
        f"EnvironmentFile=-{host.root}/etc/daytwo/{NAME}.env", "WantedBy=multi-user.target", "LimitCORE=0",
        f"Wants=network-online.target {NAME}-guard.timer", "NoNewPrivileges=yes", "ProtectSystem=full",
    ):  # fmt: skip
        assert line in lines
    assert "ExecStartPre" not in texts(plan(config, host, Wish()))[f"{NAME}.service"]


def test_a_user_who_is_not_root_has_no_capabilities_but_a_low_port(write: Write, host: Host) -> None:
    units = texts(plan(write(YAML), host, Wish(user="daemon")))
    assert "CapabilityBoundingSet=\n" in units[f"{NAME}.service"] and "User=daemon" in units[f"{NAME}.service"]
    low = texts(plan(write(EVERYTHING), host, Wish(user="daemon")))[f"{NAME}.service"]
    assert "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE" in low
    assert "User=" not in units[f"{NAME}-revive.service"]
    with pytest.raises(UsageError, match="no user nosuchuser"):
        plan(write(YAML), host, Wish(user="nosuchuser"))


def test_only_what_shuts_addresses_out_may_change_rules(write: Write, host: Host) -> None:
    blocking = YAML + "blocking: {by: {kind: nftables}}\n"
    assert "CAP_NET_ADMIN" not in texts(plan(write(YAML), host, Wish()))[f"{NAME}.service"]
    root = texts(plan(write(blocking), host, Wish()))[f"{NAME}.service"]
    assert "CapabilityBoundingSet=CAP_NET_ADMIN\n" in root and "Ambient" not in root
    other = texts(plan(write(blocking), host, Wish(user="daemon")))[f"{NAME}.service"]
    assert "CapabilityBoundingSet=\n" in other
    assert "CapabilityBoundingSet=CAP_NET_ADMIN\nAmbientCapabilities=CAP_NET_ADMIN\n" in other


def test_timers_instead_of_the_daemon(write: Write, host: Host) -> None:
    config = write(EVERYTHING)
    planned = plan(config, host, TIMERS)
    units = texts(planned)
    assert planned.begin == (f"{NAME}-nightly.timer", f"{NAME}-monthly.timer", f"{NAME}-missed.timer")
    assert f"{NAME}-by-hand.service" not in units
    assert f"ExecStart=/bin/true backup nightly --quiet --config {config.path}" in units[f"{NAME}-nightly.service"]
    assert "Type=oneshot" in units[f"{NAME}-nightly.service"] and "[Install]" not in units[f"{NAME}-nightly.service"]
    nightly, missed = units[f"{NAME}-nightly.timer"], units[f"{NAME}-missed.timer"]
    assert "OnCalendar=*-*-* 03:00:00 Europe/Berlin\nPersistent=yes\nAccuracySec=1s" in nightly
    assert "OnCalendar=*-*-* 02:30:00 UTC\nPersistent=no" in missed
    assert planned.warnings == ()
    skipped = plan(write(YAML.replace("0 3 * * *", "30 2 * * *")), host, TIMERS)
    assert (
        len(skipped.warnings) == 1 and "on 2027-03-28 the clock skips the time of backup nightly" in skipped.warnings[0]
    )


def test_nothing_to_time_is_an_error(write: Write, host: Host) -> None:
    with pytest.raises(ConfigError, match="no backup says when it runs"):
        plan(write(re.sub(r"\{at: .*\}", "{}", YAML)), host, TIMERS)


def test_credentials_are_found_wherever_they_are_referred_to(write: Write, host: Host) -> None:
    text = YAML.replace(
        "local: {kind: archive, path: ./backups}", "r: {kind: restic, url: /b, password: {credential: restic}}"
    )
    text += "state: {credential: state.url}\n"
    planned = plan(write(text), host, Wish())
    service = texts(planned)[f"{NAME}.service"]
    kept = host.root / "etc/daytwo/credentials"
    assert f"LoadCredential=restic:{kept}/restic\nLoadCredential=state.url:{kept}/state.url\n" in service
    assert f"it will not start without {kept}/restic, {kept}/state.url" in planned.warnings[0]
    assert "LoadCredential" not in texts(planned)[f"{NAME}-guard.service"]
    with pytest.raises(RefusedError, match="systemd 246 has no credentials") as refused:
        plan(write(text), Host(246, True, "/bin/true", host.root), Wish())
    assert "file:" in refused.value.hint
    with pytest.raises(ConfigError, match="no credential of the name"):
        plan(write(YAML + 'state: {credential: "a:b"}\n'), host, Wish())


def test_variables_that_systemd_will_not_have_are_warned_of(write: Write, host: Host) -> None:
    config = write(YAML + "state: {env: SHOP_STATE}\n")
    assert f"write SHOP_STATE=... into {host.root}/etc/daytwo/{NAME}.env" in plan(config, host, Wish()).warnings[0]
    (host.root / "etc/daytwo").mkdir(parents=True)
    (host.root / f"etc/daytwo/{NAME}.env").touch()
    assert plan(config, host, Wish()).warnings == ()


def test_what_lies_in_a_protected_folder_is_made_writable(write: Write, host: Host) -> None:
    text = YAML.replace("{kind: files, path: /srv/uploads}", "{kind: files, path: /etc/nginx/sites/*.conf}").replace(
        "path: ./backups", "path: /usr/local/backups/shop")  # fmt: skip
    text += "state: /boot/state/shop.db\n"
    config = write(text)
    assert writable(config) == tuple(map(Path, ("/boot/state", "/etc/nginx/sites", "/usr/local/backups")))
    service = texts(plan(config, host, Wish()))[f"{NAME}.service"]
    assert (
        "ReadWritePaths=-/boot/state\nReadWritePaths=-/etc/nginx/sites\nReadWritePaths=-/usr/local/backups" in service
    )
    elsewhere = text.replace("kind: files,", "kind: files, ssh: far,")
    assert Path("/etc/nginx/sites") not in writable(write(elsewhere))


def test_words_are_quoted_as_systemd_reads_them() -> None:
    assert word("/srv/shop") == "/srv/shop"
    assert word("/srv/my shop") == '"/srv/my shop"'
    assert word('/srv/50% "off"\\') == '"/srv/50%% \\"off\\"\\\\"'
    with pytest.raises(RefusedError, match="has a character in it"):
        word("/srv/a\nExecStart=/bin/evil")


def test_strange_folders_are_no_trouble(tmp_path: Path, host: Host, run: Run) -> None:
    folder = tmp_path / "50% of $HOME; 'quoted'"
    folder.mkdir()
    (folder / "daytwo.yaml").write_text(YAML)
    planned = plan(load(folder / "daytwo.yaml"), host, Wish())
    apply(planned, host, run, start=False)
    assert analyzed("verify", host.units, *texts(planned)).strip() == ""
    assert "50%% of $$HOME; 'quoted'/daytwo.yaml\"" in texts(planned)[f"{NAME}.service"]


def test_a_log_file_is_rotated(write: Write, host: Host, run: Run, told: Callable[..., list[str]]) -> None:
    planned = plan(write(YAML), host, Wish(log_file=True))
    apply(planned, host, run)
    log, rules = host.root / f"var/log/daytwo/{NAME}.log", host.root / "etc/logrotate.d" / NAME
    assert log.parent.is_dir() and f"StandardOutput=append:{log}" in texts(planned)[f"{NAME}.service"]
    assert f'"{log}" {{' in rules.read_text() and "copytruncate" in rules.read_text()
    log.touch()
    uninstall(NAME, host, run)
    assert not rules.exists() and log.exists()
    with pytest.raises(RefusedError, match="cannot append"):
        plan(write(YAML), Host(239, True, "/bin/true"), Wish(log_file=True))


def test_it_is_enabled_and_started_and_started_anew_only_when_changed(
    write: Write, host: Host, run: Run, told: Callable[..., list[str]]
) -> None:
    config = write(YAML)
    assert apply(plan(config, host, Wish()), host, run)[-1] == f"enabled and started {NAME}.service"
    assert told() == ["daemon-reload", f"enable {NAME}.service", f"restart {NAME}.service"]
    assert "is as it should be" in apply(plan(config, host, Wish()), host, run)[0]
    assert told()[-1] == f"start {NAME}.service"
    apply(plan(config, host, Wish(start_delay=5)), host, run)
    assert told()[-1] == f"--no-block restart {NAME}.service"


def test_only_the_files_are_written_when_told_so(
    write: Write, host: Host, run: Run, told: Callable[..., list[str]]
) -> None:
    asleep = Host(252, False, "/bin/true", host.root)
    with pytest.raises(RefusedError, match="does not run this machine") as refused:
        apply(plan(write(YAML), asleep, Wish()), asleep, run)
    assert "cron" in refused.value.hint and not host.units.exists()
    apply(plan(write(YAML), asleep, Wish()), asleep, run, start=False)
    assert told() == [] and (host.units / f"{NAME}.service").exists()
    assert len(uninstall(NAME, asleep, run)) == 4
    assert [line.split()[:2] for line in told()] == [["--quiet", "disable"]]
    assert not list(host.units.iterdir())


def test_from_the_daemon_to_timers_and_back_nothing_stays(
    write: Write, host: Host, run: Run, told: Callable[..., list[str]]
) -> None:
    config = write(YAML)
    apply(plan(config, host, Wish(log_file=True)), host, run)
    told()
    apply(plan(config, host, TIMERS), host, run)
    lines = told()
    gone = [f"{NAME}.service", f"{NAME}-guard.service", f"{NAME}-guard.timer", f"{NAME}-revive.service"]
    assert lines[0] == f"stop {' '.join(gone)}"
    assert {path.name for path in owned(NAME, host)} == {
        f"{NAME}-{backup}.{kind}" for backup in ("nightly", "monthly") for kind in ("service", "timer")
    }
    stamp = host.root / f"var/lib/systemd/timers/stamp-{NAME}-nightly.timer"
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    assert len(uninstall(NAME, host, run)) == 4
    assert not stamp.exists() and not list(host.units.iterdir()) and not (host.root / "etc/logrotate.d" / NAME).exists()
    assert uninstall(NAME, host, run) == []


def test_units_of_others_are_never_touched(write: Write, host: Host, run: Run, told: Callable[..., list[str]]) -> None:
    staging = write(YAML.replace("app: shop", "app: shop\nenvironment: nightly"))
    apply(plan(staging, host, Wish()), host, run)
    before = (host.units / f"{NAME}-nightly.service").read_text()
    config = write(YAML)
    with pytest.raises(RefusedError, match="a unit of daytwo-shop-nightly already"):
        apply(plan(config, host, TIMERS), host, run)
    apply(plan(config, host, Wish()), host, run)
    assert len(uninstall(NAME, host, run)) == 4
    assert (host.units / f"{NAME}-nightly.service").read_text() == before
    (host.units / f"{NAME}.service").write_text("[Service]\nExecStart=/bin/true\n")
    with pytest.raises(RefusedError, match="already something else"):
        apply(plan(config, host, Wish()), host, run)
    assert not (host.units / f"{NAME}-guard.service").exists()
    assert uninstall(NAME, host, run) == []


def test_a_daemon_that_does_not_start_is_told_with_where_to_look(
    write: Write, host: Host, run: Run, told: Callable[..., list[str]]
) -> None:
    told(fail="restart")
    with pytest.raises(CommandError, match=r"it does not start: .*Job for it failed") as failed:
        apply(plan(write(YAML), host, Wish()), host, run)
    assert f"journalctl -u {NAME}" in failed.value.hint


def test_another_users_state_is_told(write: Write, host: Host) -> None:
    config = write(YAML)
    (config.folder / ".daytwo").mkdir()
    if (config.folder / ".daytwo").stat().st_uid != 0:
        pytest.skip("only root's folder is another user's here")
    assert "chown -R daemon" in plan(config, host, Wish(user="daemon")).warnings[0]


def test_a_dry_run_prints_the_units_and_writes_nothing(
    write: Write, capsys: pytest.CaptureFixture[str], told: Callable[..., list[str]]
) -> None:
    config = write(YAML)
    assert daytwo(["install", "systemd", "--dry-run", "--config", str(config.path), "--start-delay", "9s"]) == 0
    out = capsys.readouterr().out
    assert f"# /etc/systemd/system/{NAME}.service\n" in out and "ExecStartPre=/bin/sleep 9" in out
    assert told() == ["--version"] or told() == []
    assert not Path(f"/etc/systemd/system/{NAME}.service").exists()


def test_where_there_is_no_systemd_cron_is_named(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert daytwo(["install", "systemd", "--dry-run", "--config", str(write(YAML).path)]) == 5
    assert "daytwo install cron" in capsys.readouterr().err


@pytest.mark.parametrize("timers", [False, True])
def test_another_configuration_of_the_same_name_keeps_its_units(
    write: Write, host: Host, run: Run, tmp_path: Path, timers: bool
) -> None:
    first = write(YAML)
    apply(plan(first, host, Wish(timers=timers)), host, run, start=False)
    clone = tmp_path / "clone $1 50%" / "daytwo.yaml"
    clone.parent.mkdir()
    clone.write_text(YAML)
    with pytest.raises(RefusedError, match="has the same name"):
        apply(plan(load(clone), host, Wish(timers=timers)), host, run, start=False)
    first.path.unlink()
    apply(plan(load(clone), host, Wish(timers=timers)), host, run, start=False)
    first.path.write_text(YAML)
    with pytest.raises(RefusedError, match="has the same name"):
        apply(plan(first, host, Wish(timers=timers)), host, run, start=False)
