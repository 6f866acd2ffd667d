"""The component that a SQLite database is."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from daytwo.core.errors import IntegrityError, MissingToolError, SourceError, UnreachableError
from daytwo.core.fileset.site import Site, exists, interrupted, look, machine, make_parent, refuse_interrupted
from daytwo.core.manifest import ComponentRecord, Identity
from daytwo.core.process import CHUNK
from daytwo.core.run import Run
from daytwo.core.service import Component, Dump, DumpFacts, Phase, Source, Staged, Verification
from daytwo.core.units import Size
from daytwo.services.sqlite import database
from daytwo.services.sqlite.place import DatabasePlace
from daytwo.services.sqlite.staging import StagedDatabase, StagedTables
from daytwo.services.sqlite.swap import COMPANIONS, Names

_SPARE = 16 << 20


class FileDump(Dump):
    """A private copy that was checked, and is streamed."""

    def __init__(self, path: Path, facts: DumpFacts, run: Run) -> None:
        self._path = path
        self._facts = facts
        self._run = run

    def chunks(self) -> Iterator[bytes]:
        """The database file."""
        with self._path.open("rb") as file:
            while data := file.read(CHUNK):
                self._run.check()
                yield data

    def facts(self) -> DumpFacts:
        """Known before the first byte."""
        return self._facts


class SqliteComponent(Component):
    """One database file.

    Args:
        service: the service's name.
        place: where it is.
        secret: whether it is encrypted wherever it is stored.
    """

    def __init__(self, service: str, place: DatabasePlace, *, secret: bool) -> None:
        super().__init__(
            service,
            f"{service}.sqlite",
            kind="sqlite",
            format="sqlite",
            phase=Phase.DATABASE,
            secret=secret,
            smallest=512,
        )
        self._place = place

    def dump(self, run: Run) -> AbstractContextManager[Dump]:
        """Copy the database as of one moment, check the copy, and stream it.

        Raises:
            SourceError: it is missing, damaged, or cannot be copied safely.
        """
        return self._dump(run)

    @contextmanager
    def _dump(self, run: Run) -> Iterator[Dump]:
        run.work.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy = run.work / f"{self.name}.copy"
        every = [Path(f"{copy}{end}") for end in ("", *COMPANIONS)]
        for file in every:
            file.unlink(missing_ok=True)
        try:
            tool = self._place.fetch(copy, self.name, run)
            try:
                found = database.inspect(copy, run)
            except IntegrityError as error:
                raise SourceError(
                    f"{self._place.path} is not sound: {error.what}",
                    where=f"{self.service} ({self._place.target})",
                    hint="Restore it, or save what can be saved with `sqlite3 FILE .recover`",
                ) from None
            holds = _holds(len(found.counts), copy.stat().st_size)
            facts = DumpFacts(
                source=self._identity(tool.version, holds, run),
                counts=found.counts,
                contents=found.contents,
                tools={"sqlite": f"{tool.version} ({tool.program})"},
                attributes=self._place.attributes(run),
                warnings=found.warnings,
            )
            yield FileDump(copy, facts, run)
        finally:
            for file in every:
                file.unlink(missing_ok=True)

    def _identity(self, version: str, holds: str, run: Run) -> Identity:
        place = self._place
        return Identity(
            label=f"SQLite database {place.path} on {place.target}",
            id=f"{machine(place.target, run)}:{place.path}",
            version=version,
            holds=holds,
        )

    def identity(self, run: Run) -> Identity:
        """The machine (and container) and the path, and how large the database there is."""
        site = self._place.site(run)
        if site is None:
            return self._identity("", "unknown", run)
        if site.what == "missing":
            return self._identity("", "nothing", run)
        return self._identity("", f"a database of {Size(site.size).human}" if site.size else "nothing", run)

    def verify(self, source: Source, run: Run) -> Verification:
        """SQLite's own check of every page, row and index, on a private copy.

        Raises:
            IntegrityError: it is damaged.
        """
        file = source.file()
        found = database.inspect(file, run)
        if rows := database.broken_references(file, run):
            run.warn(f"{self.name}: {rows} rows refer to a row that is not there")
        for warning in found.warnings:
            run.warn(f"{self.name}: {warning}")
        return Verification(
            tool=f"PRAGMA integrity_check (SQLite {database.VERSION})",
            counts=found.counts,
            contents=found.contents,
        )

    def obstacles(self, record: ComponentRecord, run: Run) -> tuple[str, ...]:
        """A container that does not run, no right to write, too little disk."""
        place = self._place
        try:
            site = look(place.target, place.path, run)
        except (UnreachableError, MissingToolError) as error:
            return (f"{self.service}: {error}",)
        found = [text] if (text := interrupted(site, place.target)) else []
        if site.what not in ("file", "missing"):
            found.append(f"{site.path} on {place.target} is no file: correct the path")
        if not site.writable:
            found.append(f"the folder of {site.path} on {place.target} may not be written: run as root or as its owner")
        needed = (record.plain.size if record.plain else 0) + _SPARE
        if site.free is not None and site.free < needed:
            found.append(
                f"{site.path} on {place.target} has {Size(site.free).human} free and the restore needs "
                f"{Size(needed).human}: make room, or restore elsewhere"
            )
        return tuple(found)

    def stage(self, source: Source, run: Run, only: tuple[str, ...] = ()) -> Staged:
        """Put the database beside the live one, checked.

        Args:
            source: the component in a repository.
            run: the restore's run.
            only: tables; they replace those of the live database in one transaction when swapped.

        Raises:
            IntegrityError, UsageError, CommandError: after removing what was staged.
        """
        file = source.file()
        found = database.inspect(file, run)
        site = look(self._place.target, self._place.path, run)
        refuse_interrupted(site, self._place.target)
        names = self._like(self._names(site.path, run.id), source.record)
        sql = database.replace_tables(file, names.new, only, run) if only else ""
        if only and site.what != "file":
            raise SourceError(f"{site.path} is not there, so no table of it can be replaced",
                              where=str(self._place.target), hint="Restore the whole database")  # fmt: skip
        make_parent(self._place.target, site.path, run)
        try:
            self._place.bring(file, names.new, run)
            if only:
                counts = {table: found.counts[table] for table in only if table in found.counts}
                return StagedTables(self._place, names, sql, counts, database.stale_indexes(file, only, run), run)
            return StagedDatabase(self._place, names, found.counts, self._warnings(site, names, run), run)
        except BaseException:
            names.clear(run)
            raise

    def _names(self, live: str, run_id: str) -> Names:
        return Names.of(self._place.target, live, run_id, self.name)

    def _like(self, names: Names, record: ComponentRecord) -> Names:
        """Where no file is, the restored one belongs to whom the dumped one did; a manifest is not trusted blindly."""
        owner, mode = record.attributes.get("owner", ""), record.attributes.get("mode", "")
        if not re.fullmatch(r"\d{1,10}:\d{1,10}", owner) or not re.fullmatch(r"[0-7]{3}", mode):
            return names
        return replace(names, owner=owner, mode=mode)

    def _warnings(self, site: Site, names: Names, run: Run) -> tuple[str, ...]:
        if site.what != "file":
            if names.owner and site.root:
                return ()
            return ("the file was not there: it belongs to the owner of its folder now, and only they may read it",)
        users = self._place.opened_by(site.path, run)
        if not users:
            return ()
        return (
            f"restart what has the database open, it goes on with the old file until then: process {', '.join(users)}",
        )

    def sweep(self, dead_run: str, run: Run) -> tuple[str, ...]:
        """Remove what a dead run staged, or copied aside. A swap that was cut short is left alone and told of."""
        place = self._place
        try:
            site = look(place.target, place.path, run)
        except (UnreachableError, MissingToolError):
            return ()
        names = self._names(site.path, dead_run)
        if exists(place.target, names.journal, run):
            run.warn(interrupted(site, place.target))
            return ()
        left = [file for file in (names.new, names.part) if exists(place.target, file, run)]
        if left:
            names.clear(run)
        return tuple(f"{file} on {place.target}" for file in left)

    def extract(self, source: Source, item: str, run: Run) -> Iterator[bytes]:
        """A table as CSV, or, asked for as `NAME.sql`, as SQL.

        Raises:
            UsageError: there is no such table.
        """
        return database.rows(source.file(), item, run)


def _holds(tables: int, size: int) -> str:
    return f"{tables} {'table' if tables == 1 else 'tables'}, {Size(size).human}"
