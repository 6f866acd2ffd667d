"""Reading a stored dump without a server: to verify it, and to take one table out of it."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from daytwo.core.command import command
from daytwo.core.errors import CommandError, IntegrityError, MissingToolError, UsageError
from daytwo.core.manifest import ComponentRecord
from daytwo.core.process import Process
from daytwo.core.run import Run
from daytwo.core.service import Source, Verification
from daytwo.core.target import LOCAL, Target
from daytwo.services.postgres.archive import ContentsReader, flat, parse_listing
from daytwo.services.postgres.clients import Client, find_clients, restoring
from daytwo.services.postgres.names import split_key, table_key
from daytwo.services.postgres.session import dumped_by


def find_reader(record: ComponentRecord, target: Target, bin: Path | None, run: Run) -> tuple[Target, Client]:
    """Where and with what to read a dump: here if a client fits, else where the service's commands run.

    Raises:
        MissingToolError: neither has one.
    """
    problem: MissingToolError | None = None
    for place in dict.fromkeys((LOCAL, target)):
        try:
            folder = bin if place == target else None
            return place, restoring(find_clients(place, run, bin=folder), dumped_by(record), None, record.name)
        except MissingToolError as error:
            problem = error
    assert problem is not None
    raise problem


def verify_dump(source: Source, reader: tuple[Target, Client], run: Run) -> Verification:
    """Have `pg_restore` list the dump and turn all of it into SQL, in one reading.

    Raises:
        IntegrityError: it does not take it, or the bytes are not those that were dumped.
    """
    target, client = reader
    tool = client.tool("pg_restore")
    contents = ContentsReader(target, command(tool, "--list"), run)
    try:
        feed = _teed(source.chunks(), contents)
        with Process(target, command(tool, "--file=/dev/null"), run, stdin=feed) as process:
            process.finish()
        entries = contents.finish()
    except CommandError as error:
        raise IntegrityError(
            f"pg_restore does not take {source.record.name}: {error.what}",
            hint="Restore from another repository or snapshot",
        ) from None
    finally:
        contents.close()
    return Verification(f"pg_restore {client.version}", contents=tuple(entry.line for entry in entries))


def _teed(chunks: Iterator[bytes], contents: ContentsReader) -> Iterator[bytes]:
    for chunk in chunks:
        contents.feed(chunk)
        yield chunk


def extract_table(source: Source, item: str, reader: tuple[Target, Client], run: Run) -> Iterator[bytes]:
    """One table as SQL: its definition and its rows, without indexes and constraints.

    Args:
        source: the dump.
        item: `schema.table`, or a table of the schema `public`.
        reader: where and with what to read it.
        run: the run it belongs to.

    Raises:
        UsageError: there is no such table.
        CommandError, IntegrityError: the dump cannot be read.
    """
    schema, name = split_key(find_table(item, tables_in(source.record, item), source.record.name))
    target, client = reader
    restore = command(client.tool("pg_restore"), f"--schema={schema}", f"--table={name}", "--file=-")
    with Process(target, restore, run, stdin=source.chunks()) as process:
        yield from process.chunks()


def tables_in(record: ComponentRecord, item: str) -> tuple[str, ...]:
    """The keys of a dump's tables: of those that were counted, and of `item` if it is one that was not.

    Its table of contents has the others too, but their names cannot be told from their owners' there.
    """
    counted = tuple(record.counts)
    schema, name = split_key(item)
    beginning = f"TABLE DATA {flat(schema)} {flat(name)} "
    rest = [entry.text.removeprefix(beginning) for entry in parse_listing("\n".join(record.contents))
            if entry.text.startswith(beginning)]  # fmt: skip
    return (*counted, table_key(schema, name)) if any(" " not in owner for owner in rest) else counted


def find_table(item: str, known: Iterable[str], where: str) -> str:
    """The key of the table that a person means.

    Args:
        item: `schema.table`, or a table's name alone where it is in one schema only, or in `public`.
        known: the keys there are.
        where: what has the tables, for the error.

    Raises:
        UsageError: there is none, or there are several.
    """
    keys = tuple(known)
    if item in keys:
        return item
    same = [key for key in keys if split_key(key)[1] == item]
    if f"public.{item}" in same:
        return f"public.{item}"
    if len(same) == 1:
        return same[0]
    if same:
        raise UsageError(f"there are several tables {item}: {', '.join(same)}", where=where, hint="Name the schema too")
    names = {key: key for key in keys} | {split_key(key)[1]: key for key in keys}
    near = [names[match] for match in get_close_matches(item, names, n=1, cutoff=0.5)]
    hint = f"Did you mean {near[0]}?" if near else f"It holds {', '.join(keys[:10]) or 'no tables'}"
    raise UsageError(f"there is no table {item}", where=where, hint=hint)
