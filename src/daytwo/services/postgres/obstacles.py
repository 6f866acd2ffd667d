"""What would stop a restore: looked for before anything is written."""

from dataclasses import dataclass

from daytwo.core.command import command
from daytwo.core.errors import CommandError
from daytwo.core.manifest import ComponentRecord
from daytwo.core.process import capture
from daytwo.core.units import Size
from daytwo.services.postgres import catalog
from daytwo.services.postgres.clients import Version
from daytwo.services.postgres.session import Session

GROWTH = 1.5
"""Bytes on the server's disk for each byte of an uncompressed dump: indexes, space in pages. A rule of thumb."""
_TEMPORARY = ""  # the script asks for TMPDIR itself
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def obstacles_to_restore(session: Session, record: ComponentRecord) -> tuple[str, ...]:
    """Missing rights and too little disk, each with its remedy. What cannot be known is no obstacle."""
    access, server = session.access, session.server
    found: list[str] = []
    if not server.creates:
        found.append(
            f"the role {access.user} may not create databases; as a superuser: ALTER ROLE {access.user} CREATEDB"
        )
    form = catalog.read_form(access, session.client, session.run, access.database, session.through)
    if form is not None and not (form.ours or server.superuser):
        found.append(
            f"the database {access.database} belongs to {form.owner}, so {access.user} may not rename it; "
            f"as a superuser: GRANT {form.owner} TO {access.user}"
        )
    found += _disk(session, record)
    if record.source.version and Version.parse(record.source.version).series > server.version.series:
        session.run.warn(
            f"{access.service}: the dump is of PostgreSQL {record.source.version}, the server is {server.version}: "
            "what only the newer one knows will fail"
        )
    return tuple(found)


def _disk(session: Session, record: ComponentRecord) -> list[str]:
    near = session.access.host is None or session.access.host.startswith("/") or session.access.host in _LOOPBACK
    if record.plain is None or session.server.data is None or not near:
        return []
    folders = [(session.server.data, record.plain.size * GROWTH)]
    # Large objects go there in a file, rows straight to the server.
    if not session.access.target.is_local and any("BLOB" in line for line in record.contents):
        folders.append((_TEMPORARY, float(record.plain.size)))
    needs: dict[str, float] = {}
    free: dict[str, int] = {}
    for folder, size in folders:
        if (space := _space(session, folder)) is not None:
            needs[space.mount] = needs.get(space.mount, 0) + size
            free[space.mount] = space.free
    return [
        f"{mount} on {session.access.place} has {Size(free[mount]).human} free and the restore needs about "
        f"{Size(need).human} there; free some, or restore elsewhere"
        for mount, need in needs.items()
        if need > free[mount]
    ]


@dataclass(frozen=True)
class Space:
    """A file system where the tools run, and its free bytes."""

    mount: str
    free: int


def parse_df(text: str) -> Space | None:
    """The last line of `df -Pk FOLDER` (POSIX): device, blocks, used, available, capacity, mount point."""
    columns = text.rstrip("\n").rpartition("\n")[2].split(None, 5)
    return Space(columns[5], int(columns[3]) * 1024) if len(columns) == 6 and columns[3].isdigit() else None


def _space(session: Session, folder: str) -> Space | None:
    df = command("sh", "-c", 'df -Pk "${1:-${TMPDIR:-/tmp}}"', "sh", folder)
    try:
        return parse_df(capture(session.access.target, df, session.run).text)
    except CommandError:
        return None
