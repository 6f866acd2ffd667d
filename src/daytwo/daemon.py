"""The daemon's composition root: configuration, state, parts and pages wired into one process."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from daytwo.access.door import Door
from daytwo.app import utc_now
from daytwo.config import Config, PingTarget
from daytwo.core.errors import SecretError
from daytwo.core.owner import Owner, hold, is_named_dead
from daytwo.ledger import heartbeats as beats
from daytwo.ledger.audit import Audit
from daytwo.ledger.locks import Locks
from daytwo.ledger.queue import Queue
from daytwo.ledger.runs import Runs
from daytwo.ledger.schedules import Schedules
from daytwo.protect.ping import address as ping_address
from daytwo.protect.ping import ping
from daytwo.serve.daemon import Daemon, only_one
from daytwo.serve.desk import Desk
from daytwo.serve.greeter import Greeter
from daytwo.serve.heart import Heart
from daytwo.serve.hub import Hub
from daytwo.serve.judge import Judge
from daytwo.serve.keeper import Keeper
from daytwo.serve.lookout import Lookout
from daytwo.serve.own_checks import all_checks
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.scheduler import Scheduler
from daytwo.serve.site import Site
from daytwo.serve.watchman import Watchman, follow
from daytwo.serve.workers import Workers
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer
from daytwo.watch.numbers import Numbers
from daytwo.watch.observations import Observations
from daytwo.watch.rules import Book, Evaluator
from daytwo.web.application import create
from daytwo.web.house import House
from daytwo.web.server import Web

_log = logging.getLogger(__name__)


class DaemonRole(StrEnum):
    """What a daemon does; one that is told nothing does everything."""

    WEB = "web"
    """Answers: the API, the pages, the Unix socket."""
    PROBE = "probe"
    """Watches: asks the checks, judges by the rules, and notices heartbeats that stay away."""
    WORK = "work"
    """Orders what is due, and has it done."""


@dataclass(frozen=True)
class Built:
    """A daemon, ready to run.

    Args:
        daemon: runs it.
        address: where it answers; empty without the web role.
        link: of a first administrator, when there is nobody yet; to be shown once.
    """

    daemon: Daemon
    address: str
    link: str


@contextlib.contextmanager
def built(
    path: Path, roles: Sequence[DaemonRole], program: tuple[str, ...], clock: Callable[[], datetime] = utc_now
) -> Iterator[Built]:
    """Wire a daemon, and take it apart at the end.

    Args:
        path: the configuration file.
        roles: what it does.
        program: what it starts for each run.
        clock: the time now.

    Raises:
        ConfigError, RefusedError, BusyError: it cannot run like that.
    """
    site = Site(path)
    config = site.config
    folder = config.folder / ".daytwo"
    owner = Owner.current()
    database = open_database(StateUrl.of(config))
    with contextlib.ExitStack() as stack:
        stack.callback(database.close)
        stack.enter_context(hold(folder / "owners", owner))
        locks = Locks(database, lambda text: is_named_dead(text, folder / "owners"))
        stale = [stack.enter_context(only_one(locks, site, owner, clock, role.value)) for role in dict.fromkeys(roles)]
        for dead in dict.fromkeys(one.owner for one in stale if one is not None):
            _log.warning("the daemon before did not end well (%s)", dead)
        writer = stack.enter_context(Writer(database))
        own = (config.app, config.environment)
        audit, runs, queue = Audit(database, *own, clock), Runs(database, *own), Queue(database, *own)
        schedules, pulse, hub = Schedules(database, *own), Pulse(), Hub()
        workers = Workers(
            pulse, site, program, queue, runs, writer, hub, lambda text: is_named_dead(text, folder / "owners"), clock
        )
        parts: list[Part] = [Heart(pulse, lambda: float(site.config.serve.ping_every), lambda: _ping(site.config))]
        if DaemonRole.WORK in roles:
            parts += [Scheduler(pulse, site, schedules, queue, audit, writer, workers.wake, clock), workers]
            parts.append(Keeper(pulse, site, audit, clock))
        heartbeats = beats.Book(database, *own)
        follow(site, heartbeats, writer, clock)
        if DaemonRole.PROBE in roles:
            parts.append(Watchman(pulse, site, heartbeats, beats.Watches(database, *own), writer, clock))
            parts += _watching(pulse, site, database, writer, clock)
        address = link = ""
        if DaemonRole.WEB in roles:
            door = Door(database, writer, audit, clock, lambda: site.config.serve)
            stack.callback(door.close)
            desk = Desk(queue, runs, workers, hub, audit, writer, clock)

            def wake() -> None:
                for part in parts:
                    part.wake()

            house = House(
                current=lambda: site.config, reload=site.reload, refused=lambda: site.refused, wake=wake,
                database=database, writer=writer, audit=audit, door=door, desk=desk, schedules=schedules, pulse=pulse,
                clock=clock,
            )  # fmt: skip
            web = Web(pulse, create(house), config.serve, folder, config.folder)
            parts.append(web)
            address = config.serve.url or f"{'https' if config.serve.tls else 'http'}://{web.address}"
            link = door.first_link(address) or ""
            parts.append(Greeter(pulse, folder, lambda: door.read(door.links.waits_for_first)))
        yield Built(Daemon(site, parts), address, link)


def _watching(
    pulse: Pulse, site: Site, database: Database, writer: Writer, clock: Callable[[], datetime]
) -> tuple[Part, Part]:
    """What asks the checks, and what judges their numbers."""
    own = (site.config.app, site.config.environment)
    numbers, observations, book = Numbers(database, *own), Observations(database, *own), Book(*own)
    evaluator = Evaluator(book, numbers)
    return (
        Lookout(
            pulse,
            site,
            lambda config: all_checks(config, database, clock),
            observations,
            numbers,
            evaluator,
            writer,
            clock,
        ),
        Judge(pulse, site, database, writer, numbers, observations, evaluator, book, clock),
    )


def _ping(config: Config) -> str:
    """Tell the monitor elsewhere that all is well; what went wrong, or nothing."""
    if config.serve.ping is None:
        return ""
    try:
        return ping(ping_address(PingTarget(config.serve.ping), "serve.ping", config.folder))
    except SecretError as error:
        return str(error)
