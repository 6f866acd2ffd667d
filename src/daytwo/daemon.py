"""The daemon's composition root: configuration, state, parts and pages wired into one process."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from daytwo.access.door import Door
from daytwo.access.roles import Via
from daytwo.app import utc_now
from daytwo.config import Config, PingTarget
from daytwo.config.watching import Rule
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
from daytwo.respond.actions import Actor, BlockDesk
from daytwo.respond.actions.investigating import Investigator
from daytwo.respond.incidents.opening import Opener
from daytwo.respond.incidents.wiring import desk_of
from daytwo.respond.intake import Intake
from daytwo.respond.outbox import Outbox
from daytwo.respond.pipeline import Desk as AlertDesk
from daytwo.respond.status_page.desk import StatusDesk
from daytwo.respond.status_page.subscribers import Subscribers
from daytwo.respond.upkeep import Upkeep
from daytwo.serve.actor import ActorPart
from daytwo.serve.courier import Courier
from daytwo.serve.daemon import Daemon, only_one
from daytwo.serve.desk import Desk
from daytwo.serve.distress import Distress
from daytwo.serve.escalator import Escalator
from daytwo.serve.greeter import Greeter
from daytwo.serve.guard import Guard
from daytwo.serve.heart import Heart
from daytwo.serve.hub import Hub
from daytwo.serve.judge import Judge
from daytwo.serve.keeper import Keeper
from daytwo.serve.listener import Listener
from daytwo.serve.lookout import Lookout
from daytwo.serve.own_checks import all_checks
from daytwo.serve.part import Part
from daytwo.serve.publisher import Publisher
from daytwo.serve.pulse import Pulse
from daytwo.serve.scheduler import Scheduler
from daytwo.serve.site import Site
from daytwo.serve.watchman import Watchman, follow
from daytwo.serve.workers import Workers
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer
from daytwo.watch.logs.lines import Reader
from daytwo.watch.logs.patterns import PatternReader, patterns_of
from daytwo.watch.logs.records import LogBook
from daytwo.watch.numbers import Numbers
from daytwo.watch.observations import Observations
from daytwo.watch.rules import Book, Evaluator, rules_of
from daytwo.watch.security.book import Book as SecurityBook
from daytwo.watch.security.own import refused_logins
from daytwo.watch.security.reader import SecurityReader
from daytwo.watch.security.sentry import Sentry
from daytwo.watch.traffic import reader_of
from daytwo.web.application import create
from daytwo.web.house import House, nobody
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
            parts.append(_escalating(pulse, site, database, writer, audit, clock))
            parts.append(_publishing(pulse, site, database, writer, audit, clock))
            parts.append(_acting(pulse, site, writer, audit, clock))
        heartbeats = beats.Book(database, *own)
        follow(site, heartbeats, writer, clock)
        if DaemonRole.PROBE in roles:
            parts.append(Watchman(pulse, site, heartbeats, beats.Watches(database, *own), writer, clock))
            parts += _watching(pulse, site, database, writer, owner, clock)
            parts.append(_listening(pulse, site, database, writer, folder, clock))
            parts.append(_guarding(pulse, site, database, writer, clock))
            parts.append(Distress(pulse, site, lambda: writer.trouble, clock))
        address = link = ""
        if DaemonRole.WEB in roles:
            events = SecurityBook(database, *own, Numbers(database, *own))
            door = Door(database, writer, audit, clock, lambda: site.config.serve, refused_logins(events, clock))
            stack.callback(door.close)
            desk = Desk(queue, runs, workers, hub, audit, writer, clock)

            def wake() -> None:
                for part in parts:
                    part.wake()

            house = House(
                current=lambda: site.config, reload=site.reload, refused=lambda: site.refused, wake=wake,
                database=database, writer=writer, audit=audit, door=door, desk=desk, schedules=schedules, pulse=pulse,
                clock=clock, ask=next((one.ask_now for one in parts if isinstance(one, Lookout)), nobody),
            )  # fmt: skip
            web = Web(pulse, create(house), config.serve, folder, config.folder)
            parts.append(web)
            address = config.serve.url or f"{'https' if config.serve.tls else 'http'}://{web.address}"
            link = door.first_link(address) or ""
            parts.append(Greeter(pulse, folder, lambda: door.read(door.links.waits_for_first)))

        def reloaded() -> None:
            now, via = site.config.fingerprint, Via.SYSTEM.value
            writer.submit(lambda connection: audit.append(connection, "config.reload", now, actor="SIGHUP", via=via))

        yield Built(Daemon(site, parts, reloaded), address, link)


def _watching(
    pulse: Pulse, site: Site, database: Database, writer: Writer, owner: Owner, clock: Callable[[], datetime]
) -> tuple[Part, Part, Part]:
    """What asks the checks, what judges their numbers, and what tells people."""
    own = (site.config.app, site.config.environment)
    numbers, observations, book = Numbers(database, *own), Observations(database, *own), Book(*own)
    evaluator = Evaluator(book, numbers)
    desk = AlertDesk(*own, lambda: site.config, _rules(site, database, clock))
    intake = Intake(*own, desk)
    folder = site.config.folder / ".daytwo" / "owners"
    courier = Courier(
        pulse, site, database, writer, desk.outbox, Upkeep(*own, desk, intake), str(owner),
        lambda text: is_named_dead(text, folder), clock,
    )  # fmt: skip
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
            intake,
            courier.wake,
        ),
        Judge(pulse, site, database, writer, numbers, observations, evaluator, book, clock, intake, courier.wake),
        courier,
    )


def _rules(site: Site, database: Database, clock: Callable[[], datetime]) -> Callable[[], Mapping[str, Rule]]:
    """Gives all rules that judge, the built-in ones, too; made once for each configuration."""
    made: list[tuple[Config, Mapping[str, Rule]]] = []

    def rules() -> Mapping[str, Rule]:
        config = site.config
        if not made or made[-1][0] is not config:
            made[:] = [(config, rules_of(config.rules, all_checks(config, database, clock).values()))]
        return made[-1][1]

    return rules


def _listening(
    pulse: Pulse, site: Site, database: Database, writer: Writer, folder: Path, clock: Callable[[], datetime]
) -> Part:
    """What follows the logs, with all who read them."""
    own = (site.config.app, site.config.environment)
    numbers, book = Numbers(database, *own), LogBook(*own)
    events = SecurityBook(database, *own, numbers)

    def readers(config: Config) -> Sequence[Reader]:
        access = reader_of(config, database, numbers, clock)
        security = SecurityReader(config, events, lambda: writer.run(events.salt))
        patterns = PatternReader(patterns_of(config.patterns), numbers, book)
        return (patterns, security, *([access] if access else []))

    return Listener(pulse, site, numbers, readers, writer, folder / "logs", clock)


def _guarding(pulse: Pulse, site: Site, database: Database, writer: Writer, clock: Callable[[], datetime]) -> Part:
    """What looks whether there are too many security events."""
    own = (site.config.app, site.config.environment)
    events = SecurityBook(database, *own, Numbers(database, *own))
    return Guard(pulse, site, database, writer, events, Sentry(*own), clock)


def _escalating(
    pulse: Pulse, site: Site, database: Database, writer: Writer, audit: Audit, clock: Callable[[], datetime]
) -> Part:
    """What opens incidents, and escalates them."""
    desk = desk_of(lambda: site.config, audit)
    return Escalator(pulse, database, writer, desk, Opener(desk, lambda: site.config), clock)


def _acting(pulse: Pulse, site: Site, writer: Writer, audit: Audit, clock: Callable[[], datetime]) -> Part:
    """What acts on findings and alerts by itself, and keeps addresses out."""

    def config() -> Config:
        return site.config

    desk, blocks = desk_of(config, audit), BlockDesk(config, audit)
    investigate = Investigator(desk, Opener(desk, config))
    outbox = Outbox(site.config.app, site.config.environment)
    return ActorPart(pulse, config, writer, Actor(config, audit, blocks, outbox, investigate), blocks, clock)


def _publishing(
    pulse: Pulse, site: Site, database: Database, writer: Writer, audit: Audit, clock: Callable[[], datetime]
) -> Part:
    """What keeps the status page, and tells its subscribers."""

    def config() -> Config:
        return site.config

    return Publisher(pulse, database, writer, config, StatusDesk(config, audit), Subscribers(config, audit), clock)


def _ping(config: Config) -> str:
    """Tell the monitor elsewhere that all is well; what went wrong, or nothing."""
    if config.serve.ping is None:
        return ""
    try:
        return ping(ping_address(PingTarget(config.serve.ping), "serve.ping", config.folder))
    except SecretError as error:
        return str(error)
