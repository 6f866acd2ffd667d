"""The text of systemd units: what each holds, and why."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from daytwo.core.errors import RefusedError
from daytwo.install.cron import SYSTEM_PATH
from daytwo.install.files import MARK

_ORDER = "network-online.target docker.service postgresql.service mariadb.service redis-server.service time-sync.target"
"""What must be up before daytwo, where it exists (`After=` starts nothing)."""
_START_SECONDS = 300
_LAST_WORDS = 15
"""Seconds more than daytwo itself takes to stop."""
_CHECK_SECONDS = 60
OWNER = "X-Daytwo"
"""The setting by which a unit is known as one of an app's (systemd ignores what begins with X-)."""

_CAPABILITIES = """\
# Files of any owner are read (DAC_READ_SEARCH), replaced (DAC_OVERRIDE), and restored with their owners (CHOWN), modes
# (FOWNER, FSETID), device nodes (MKNOD) and capabilities (SETFCAP).
# Hooks become other users: SETUID, SETGID, AUDIT_WRITE (pam).
# Processes of runs that died are found by their environment (SYS_PTRACE) and ended (KILL).
# The API may listen on a port below 1024: NET_BIND_SERVICE.
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_FSETID CAP_MKNOD CAP_SETFCAP
CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_AUDIT_WRITE CAP_SYS_PTRACE CAP_KILL CAP_NET_BIND_SERVICE
"""
_ONE_CAPABILITY = """\
# The API listens on a port below 1024.
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
AmbientCapabilities=CAP_NET_BIND_SERVICE
"""
_FIREWALL = """\
# `blocking` changes nftables' rules.
CapabilityBoundingSet=CAP_NET_ADMIN
"""
_FENCE = """\
NoNewPrivileges=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictRealtime=yes
RestrictNamespaces=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
"""
_GUARD = """\
# Every 5 minutes: only what is wrong is worth a line.
StandardOutput=null
StandardError=journal
SyslogLevel=warning
LogLevelMax=notice
UMask=0077
ProtectSystem=strict
PrivateDevices=yes
RestrictAddressFamilies=AF_UNIX
# The daemon's socket may be in a folder of another user.
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE
"""
_NETWORK = """\
# NETLINK: pam's audit, and looking up network interfaces.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
"""


@dataclass(frozen=True)
class Frame:
    """What the units of an app have in common.

    Args:
        name: `daytwo-<app>`, with the environment behind it when that is not production.
        about: the app, for people.
        program: absolute path of daytwo.
        config: the configuration file.
        user: who it runs as.
        credentials: names of the systemd credentials that the configuration refers to.
        writable: folders below /usr, /boot and /etc that daytwo writes to.
        log: the file that output goes to; the journal when None.
        low_port: whether the API listens on a port below 1024.
        firewall: whether it changes nftables' rules.
        etc: where the folder `daytwo` with credentials and environment is.
    """

    name: str
    about: str
    program: str
    config: Path
    user: str = "root"
    credentials: tuple[str, ...] = ()
    writable: tuple[Path, ...] = ()
    log: Path | None = None
    low_port: bool = False
    firewall: bool = False
    etc: Path = Path("/etc")

    @property
    def environment_file(self) -> Path:
        """Where environment variables may be set."""
        return self.etc / "daytwo" / f"{self.name}.env"

    def credential(self, name: str) -> Path:
        """Where a credential is kept."""
        return self.etc / "daytwo/credentials" / name


def daemon(frame: Frame, start_delay: float, stop_within: float) -> str:
    """The service that runs the daemon.

    Args:
        frame: what it has in common with the others.
        start_delay: seconds to wait before it starts.
        stop_within: seconds that the daemon takes to stop at most.
    """
    name = frame.name
    delay = [f"ExecStartPre=/bin/sleep {start_delay:g}"] if start_delay else []
    return _unit(
        frame, f"daytwo for {frame.about}",
        [f"After={_ORDER}", f"Wants=network-online.target {name}-guard.timer",
         f"RequiresMountsFor={word(frame.config.parent)}",
         "StartLimitIntervalSec=300", "StartLimitBurst=10"],
        ["Type=notify", "NotifyAccess=main", *delay, f"ExecStart={_call(frame, 'serve')}",
         "ExecReload=/bin/kill -HUP $MAINPID",
         f"TimeoutStartSec={_START_SECONDS + start_delay:g}", f"TimeoutStopSec={stop_within + _LAST_WORDS:g}",
         "KillMode=mixed", "WatchdogSec=120", "Restart=always", "RestartSec=5",
         *_resources(), "OOMPolicy=continue", "OOMScoreAdjust=-500", *_surroundings(frame), *_fence(frame)],
        ["WantedBy=multi-user.target"],
    )  # fmt: skip


def guard_service(frame: Frame) -> str:
    """The service that asks the daemon how it is, and has it revived when there is no answer.

    It goes when a person stops the daemon (`PartOf=`). A daemon that answers and is not well is left alone: it knows
    what is wrong, and a restart would end the backup that is at work.
    """
    return _unit(
        frame, f"Does daytwo for {frame.about} answer?",
        [f"PartOf={frame.name}.service", f"After={frame.name}.service", f"OnFailure={frame.name}-revive.service"],
        ["Type=oneshot", f"ExecStart={_call(frame, 'serve', '--check')}", "SuccessExitStatus=1 SIGTERM",
         f"TimeoutStartSec={_CHECK_SECONDS}", f"User={frame.user}", *_GUARD.splitlines(), *_FENCE.splitlines()],
    )  # fmt: skip


def guard_timer(frame: Frame) -> str:
    """The timer of the guard: it begins when the daemon is up, and ends when a person stops the daemon."""
    return _unit(
        frame, f"Asks every 5 minutes whether daytwo for {frame.about} answers",
        [f"PartOf={frame.name}.service", f"After={frame.name}.service"],
        ["OnActiveSec=5min", "OnUnitInactiveSec=5min", "AccuracySec=15s"],
        section="Timer",
    )  # fmt: skip


def revive(frame: Frame) -> str:
    """The service that starts a daemon anew that has failed for good, or hangs."""
    service = f"{frame.name}.service"
    return _unit(
        frame, f"Starts daytwo for {frame.about} anew",
        [],
        ["Type=oneshot", f"ExecStart=-systemctl reset-failed {service}",
         f"ExecStart=systemctl --no-block restart {service}",
         "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes",
         "CapabilityBoundingSet=", "MemoryDenyWriteExecute=yes", "RestrictSUIDSGID=yes", "UMask=0077",
         "RestrictAddressFamilies=AF_UNIX", *_FENCE.splitlines()],
    )  # fmt: skip


def once(frame: Frame, backup: str) -> str:
    """The service that makes one backup, for a machine without the daemon.

    Args:
        frame: what it has in common with the others.
        backup: the backup's name.
    """
    return _unit(
        frame, f"Backup {backup} of {frame.about}",
        [f"After={_ORDER}", "Wants=network-online.target", f"RequiresMountsFor={word(frame.config.parent)}"],
        ["Type=oneshot", f"ExecStart={_call(frame, 'backup', backup, '--quiet')}",
         "KillMode=mixed", f"TimeoutStopSec={30 + _LAST_WORDS}", *_resources(), "Nice=5",
         *_surroundings(frame), *_fence(frame)],
    )  # fmt: skip


def timer(frame: Frame, backup: str, calendar: Sequence[str], *, persistent: bool) -> str:
    """The timer of one backup.

    Args:
        frame: what it has in common with the others.
        backup: the backup's name.
        calendar: when, as systemd writes it.
        persistent: whether one that was missed is made up.
    """
    return _unit(
        frame, f"When backup {backup} of {frame.about} is made", [],
        [*(f"OnCalendar={one}" for one in calendar), f"Persistent={'yes' if persistent else 'no'}", "AccuracySec=1s"],
        ["WantedBy=timers.target"], section="Timer",
    )  # fmt: skip


def logrotate(frame: Frame, log: Path) -> str:
    """The rules by which logrotate treats the log file. The daemon keeps it open, so it is copied and emptied."""
    return f"""\
# {frame.name}: {MARK} systemd --log-file`. Do not edit it; run that again.
"{log}" {{
    weekly
    rotate 12
    compress
    delaycompress
    missingok
    notifempty
    copytruncate
}}
"""


def word(value: str | Path) -> str:
    """A value as one word of a unit: quoted, its `%` doubled (systemd.syntax(7), "Specifiers" in systemd.unit(5)).

    Raises:
        RefusedError: it has a line break in it.
    """
    text = _plain(str(value))
    if re.fullmatch(r"[\w@%+=:,./~-]+", text, re.ASCII):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    if re.search(r"[\x00-\x1f]", text):
        raise RefusedError(f"{text!r} has a character in it that no unit can have", hint="Rename it")
    return text.replace("%", "%%")


def _unit(
    frame: Frame,
    what: str,
    unit: Iterable[str],
    main: Iterable[str],
    wanted: Iterable[str] = (),
    section: str = "Service",
) -> str:
    head = [
        f"# {frame.name}: {MARK} systemd`. Do not edit it: `systemctl edit` adds to it, and that lasts.",
        "[Unit]", f"Description={_plain(what)}", *unit, f"{OWNER}={frame.name}",
    ]  # fmt: skip
    install = ["", "[Install]", *wanted] if wanted else []
    return "\n".join([*head, "", f"[{section}]", *main, *install]) + "\n"


def owner_of(text: str) -> str:
    """The name of the app's units that this one belongs to; empty when there is none."""
    found = re.search(rf"^{OWNER}=(\S+)$", text, re.MULTILINE)
    return found[1] if found else ""


def _call(frame: Frame, *arguments: str) -> str:
    # `$` is doubled only here: no other setting knows variables.
    words = (frame.program, *arguments, "--config", str(frame.config))
    return " ".join(word(one).replace("$", "$$") for one in words)


def _resources() -> tuple[str, ...]:
    # A core dump would have secrets in it.
    return ("LimitNOFILE=65536", "TasksMax=4096", "LimitCORE=0")


def _surroundings(frame: Frame) -> list[str]:
    log = [] if frame.log is None else [f"StandardOutput=append:{_plain(str(frame.log))}", "StandardError=inherit"]
    return [
        f"User={frame.user}", "UMask=0077", f"Environment=PYTHONUNBUFFERED=1 PATH={SYSTEM_PATH}",
        f"EnvironmentFile=-{_plain(str(frame.environment_file))}", f"SyslogIdentifier={frame.name}", *log,
        *(f"LoadCredential={_plain(f'{name}:{frame.credential(name)}')}" for name in frame.credentials),
    ]  # fmt: skip


def _fence(frame: Frame) -> list[str]:
    writable = [f"ReadWritePaths=-{word(folder)}" for folder in frame.writable]
    unprivileged = _ONE_CAPABILITY if frame.low_port else "CapabilityBoundingSet=\n"
    capabilities = _CAPABILITIES if frame.user == "root" else unprivileged
    if frame.firewall:
        capabilities += _FIREWALL if frame.user == "root" else f"{_FIREWALL}AmbientCapabilities=CAP_NET_ADMIN\n"
    return ["ProtectSystem=full", *writable, *_FENCE.splitlines(), *_NETWORK.splitlines(), *capabilities.splitlines()]
