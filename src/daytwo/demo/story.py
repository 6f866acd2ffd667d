"""The story: a small real app loses all its data and gets it back, equal. Every line is what was done and measured."""

import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from daytwo.core.command import command
from daytwo.core.errors import DaytwoError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import LOCAL
from daytwo.demo import content
from daytwo.demo.build import DATABASE, configure, fill
from daytwo.demo.place import Place
from daytwo.demo.postgres import Server, running
from daytwo.demo.programs import RunningApp, daytwo, running_app
from daytwo.demo.teller import Teller

EXPORTS = (
    ("dana@example.com", "orders", "accounting@example.com"),
    ("kim@example.com", "customers", "newsletter.example.com"),
    ("dana@example.com", "customers", "s3://example-archive/2026"),
)
"""Who takes what, and where to."""


_LOOK = "Run the demo again with --keep and look into its folder"


class DemoError(DaytwoError):
    """The story did not end well: a command failed, or what came back is not what was lost."""


class Story:
    """The steps, in order. Each does something for real and says what came of it.

    Args:
        place: the demo's folder.
        server: its PostgreSQL.
        app: the running app.
        teller: takes the words.
        run: the run that programs belong to.
    """

    def __init__(self, place: Place, server: Server, app: RunningApp, teller: Teller, run: Run) -> None:
        self.place = place
        self.server = server
        self.app = app
        self.teller = teller
        self.run = run
        self.before: content.Content = {}
        self.seconds: dict[str, float] = {}

    def tell(self) -> None:
        """All of it, once the app runs.

        Raises:
            DemoError: it did not end well.
        """
        self.use()
        self.configure()
        with self._measured("backup"):
            self.back_up()
        self.look()
        self.destroy()
        with self._measured("restore"):
            self.restore()
        self.compare()
        self.ask_daytwo()

    def use(self) -> None:
        """People use the app; then everything it holds is read and remembered."""
        for who, what, destination in EXPORTS:
            self._ask("POST", "/api/exports", {"who": who, "what": what, "destination": destination}, expect=201)
        self._ask("GET", "/api/health", expect=200)
        self.before = content.read(self.place, self.server)

    def configure(self) -> None:
        """The configuration is written and shown."""
        self.teller.step("Say what it is made of: daytwo.yaml")
        configure(self.place, self.server)
        self.teller.file(self.place.config.read_text(encoding="utf-8").splitlines())
        self.teller.say("`daytwo init` writes this file for your app. The recipient belongs to a")
        self.teller.say("recovery key made for this demo; secret files are encrypted to it.")

    def back_up(self) -> None:
        """A snapshot is made."""
        self.teller.step("Back it up")
        self._daytwo("backup")

    def look(self) -> None:
        """The archive is opened without daytwo."""
        self.teller.step("Look into the snapshot without daytwo")
        archive = self.archive.relative_to(self.place.folder)
        self.teller.command("tar", "tzf", str(archive))
        for name in capture(LOCAL, command("tar", "tzf", str(self.archive)), self.run).text.splitlines():
            self.teller.output(name)
        self.teller.say("RESTORE.md tells how to get the data back by hand. The app's secrets are in")
        self.teller.say("settings.tar.age, which only the recovery key opens.")

    @property
    def archive(self) -> Path:
        """The newest archive in the repository.

        Raises:
            DemoError: there is none.
        """
        found = sorted(self.place.backups.rglob("*.tar.gz"))
        if not found:
            raise DemoError("there is no archive in the repository", where=str(self.place.backups))
        return found[-1]

    def destroy(self) -> None:
        """Everything the app holds is destroyed, and the app notices."""
        self.teller.step("Destroy all of its data")
        self.teller.say(f"DROP DATABASE {DATABASE}")
        with self.server.connect() as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(DATABASE)))
        self._ask("GET", "/api/orders/summary", expect=503)
        with closing(sqlite3.connect(self.place.app / "data" / "exports.sqlite")) as rows, rows:
            gone = rows.execute("delete from exports").rowcount
        self.teller.say(f"DELETE FROM exports  ({gone} rows, in app/data/exports.sqlite)")  # noqa: S608 - for people
        self._ask("GET", "/api/exports", expect=200)
        self.teller.say("rm -r app/uploads")
        shutil.rmtree(self.place.app / "uploads")
        self._ask("GET", "/uploads/logo.svg", expect=404)
        self.teller.say("rm app/settings.env")
        (self.place.app / "settings.env").unlink()
        self._ask("GET", "/api/health", expect=503)

    def restore(self) -> None:
        """The newest snapshot is restored over what is left."""
        self.teller.step("Bring it back, with the recovery key")
        self._daytwo("restore", "latest", "--yes", "--key", self.place.recovery_key.name)

    def compare(self) -> None:
        """Everything is read again and compared, row by row and file by file."""
        self.teller.step("Compare with what was there before, row by row and byte by byte")
        try:
            after = content.read(self.place, self.server)
        except (psycopg.Error, sqlite3.Error, OSError) as error:
            raise DemoError(f"what came back cannot be read: {error}", where="demo", hint=_LOOK) from None
        for what in {**self.before, **after}:
            item = after.get(what)
            same = item is not None and item == self.before.get(what)
            tell = self.teller.say if same else self.teller.bad
            shown = f"{item.count:>9,} {item.unit:<5}  {item.sha256[:8]}" if item else f"{'gone':>9}{'':16}"
            tell(f"{what:<43} {shown}  {'equal' if same else 'DIFFERS'}")
        if lines := content.differences(self.before, after):
            raise DemoError(
                f"what came back is not what was lost: {'; '.join(lines)}",
                where="demo",
                hint=_LOOK,
            )
        rows = sum(item.count for item in after.values() if item.unit == "rows")
        files = sum(item.unit == "bytes" for item in after.values())
        self.teller.good(f"All equal: {rows:,} rows and {files} files.")
        self.teller.say("The app was not restarted, and goes on:")
        self._ask("GET", "/api/health", expect=200)
        who, what, destination = EXPORTS[0]
        self._ask("POST", "/api/exports", {"who": who, "what": what, "destination": destination}, expect=201)

    def ask_daytwo(self) -> None:
        """The snapshot is verified with each engine's own tool, and the status is shown."""
        self.teller.step("Ask whether the snapshot is good, and how everything stands")
        self._daytwo("verify", "--key", self.place.recovery_key.name)
        self._daytwo("status")

    def _daytwo(self, *words: str) -> None:
        self.teller.command("daytwo", *words)
        code = daytwo(words, self.place, self.run, self.teller.output)
        if code != 0:
            raise DemoError(
                f"`daytwo {words[0]}` ended with code {code}, and here it should have succeeded",
                where="demo",
                hint=f"What it said is above. {_LOOK}",
            )

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None, *, expect: int) -> None:
        answer = self.app.ask(method, path, body)
        document = answer.document
        if "error" in document:
            words = str(document["error"])
        elif "exports" in document and isinstance(document["exports"], list):
            words = f"{len(document['exports'])} exports"
        elif "destination" in document:
            words = f"{document['row_count']:,} {document['what']} to {document['destination']}"
        elif "status" in document:
            words = "{status}: {orders:,} orders, {exports} exports, {damaged} damaged".format(**document)
        else:
            words = ", ".join(f"{name} {value}" for name, value in document.items())
        self.teller.say(f"  {method:<4} {path:<19}  {answer.status}  {words}")
        if answer.status != expect:
            raise DemoError(f"the app answered {method} {path} with {answer.status}, not {expect}: {words}")

    @contextmanager
    def _measured(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.seconds[what] = time.monotonic() - begun


def tell(place: Place, teller: Teller, run: Run) -> None:
    """The whole story, from the start of the app to its end.

    Args:
        place: the demo's folder.
        teller: takes the words.
        run: the run that programs belong to.

    Raises:
        DemoError: it did not end well.
    """
    begun = time.monotonic()
    teller.title("A small real app loses all its data, and daytwo brings it back.")
    teller.step("Start the app: an internal tool that tracks who exported which data")
    with running(place, run) as server:
        fill(place, server)
        with running_app(place, run) as app:
            user = f", as user {place.user.name}" if place.user else ""
            teller.say(f"folder      {place.folder}")
            teller.say(f"PostgreSQL  {server.version} on 127.0.0.1:{server.port}{user}: customers, orders")
            teller.say(f"app         {app.url}: exports in SQLite, files in uploads/")
            story = Story(place, server, app, teller, run)
            story.seconds["start of app and database"] = time.monotonic() - begun
            story.tell()
    teller.end("Measured")
    story.seconds["whole demo"] = time.monotonic() - begun
    for what, seconds in story.seconds.items():
        teller.say(f"{what:<27}{seconds:>5.1f} s")
