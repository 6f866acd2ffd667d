"""RESTORE.md: how a person without daytwo gets every component of an archive back."""

import re
import shlex
from collections.abc import Callable
from datetime import UTC

from daytwo.core.manifest import ComponentRecord, Manifest
from daytwo.core.units import Size


def restore_guide(manifest: Manifest, file: str) -> str:
    """The text of RESTORE.md for one archive.

    Args:
        manifest: what the archive holds.
        file: the archive's name.
    """
    sections = [_head(manifest, file), _opening(file)]
    if any(record.secret for record in manifest.components):
        sections.append(_secrets())
    sections += [_component(record) for record in manifest.components]
    sections.append(_closing(manifest))
    return "\n".join(sections)


def _head(manifest: Manifest, file: str) -> str:
    rows = "\n".join(
        f"| `{_plain(r.stored_name)}` | {_plain(r.service)} | {_plain(r.kind)} | {_plain(r.format)} |"
        f" {Size(r.plain.size).human if r.plain else ''} |"
        for r in manifest.components
    )
    return f"""# How to restore {_plain(manifest.app)} ({_plain(manifest.environment)})

This archive, `{file}`, was made on {manifest.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC on the host
`{_plain(manifest.host)}` by daytwo {_plain(manifest.daytwo)}. With daytwo and its configuration file at hand, this is
all it takes:

    daytwo restore {shlex.quote(manifest.id)}

Without them, everything can be brought back with common programs, as described below. The archive holds:

| file | service | kind | format | size |
|---|---|---|---|---|
{rows}
"""


def _opening(file: str) -> str:
    name = shlex.quote(file)
    flags = "xzf" if ".tar.gz" in file else "--zstd -xf"
    if file.endswith(".age"):
        unpack = f"age -d -i KEY.txt {name} | tar {flags} - -C restore"
        note = "`KEY.txt` holds the secret key of one of the recipients (a line that begins with AGE-SECRET-KEY-1)."
    elif file.endswith(".gpg"):
        unpack = f"gpg -d {name} | tar {flags} - -C restore"
        note = "gpg needs the secret key that the archive was encrypted to."
    else:
        unpack = f"tar {flags} {name} -C restore"
        note = "The SHA-256 of the archive is in the file beside it that ends with `.manifest.json` (`location`)."
    return f"""## Open it

    mkdir restore
    {unpack}
    cd restore

{note}
"""


def _secrets() -> str:
    return """## Secret components

Files that end with `.age` are encrypted to the recovery key, which the team keeps outside this server. Save that key
(a line that begins with AGE-SECRET-KEY-1) as `KEY.txt`, for each of them run the `age` command below, and remove
`KEY.txt` afterwards.
"""


def _component(record: ComponentRecord) -> str:
    lines = [f"## {_plain(record.name)}", ""]
    if record.source.label:
        lines += [f"From {_plain(record.source.label)}.", ""]
    name = shlex.quote(record.name if not record.name.startswith("-") else f"./{record.name}")
    commands = _commands(record, name)
    if record.secret:
        commands = [f"age -d -i KEY.txt -o {name} {name}.age", *commands]
    lines += [f"    {line}" if line else "" for line in commands]
    if record.plain:
        lines += ["", f"It is {record.plain.size} bytes; `sha256sum` must say `{record.plain.sha256}`."]
    lines += [f"\nNote: {_plain(warning)}" for warning in record.warnings]
    return "\n".join(lines) + "\n"


def _commands(record: ComponentRecord, name: str) -> list[str]:
    for pattern, build in _WAYS:
        if re.search(pattern, f"{record.kind} {record.format}".lower()):
            return build(name, record)
    return [f"less {name}    # {_plain(record.format)}: hand it to the program it came from"]


def _pg_custom(name: str, record: ComponentRecord) -> list[str]:
    return [f"pg_restore --list {name}", "createdb restored",
            f"pg_restore --dbname=restored --no-owner --exit-on-error {name}"]  # fmt: skip


def _pg_sql(name: str, record: ComponentRecord) -> list[str]:
    return [f"psql --dbname=postgres --file={name}    # roles that exist already give harmless errors"]


def _mysql(name: str, record: ComponentRecord) -> list[str]:
    return ["mysql --execute='CREATE DATABASE restored'", f"mysql restored < {name}"]


def _sqlite(name: str, record: ComponentRecord) -> list[str]:
    if "sql" in record.format.lower().split():
        return [f"sqlite3 restored.db < {name}"]
    return [f"sqlite3 {name} 'PRAGMA integrity_check'    # must say ok", "# stop the app, then, as its user:",
            f"cp {name} /path/of/the/database"]  # fmt: skip


def _redis(name: str, record: ComponentRecord) -> list[str]:
    return [f"redis-check-rdb {name}", "redis-cli CONFIG GET dir    # where the server keeps its data",
            "# stop redis; with `appendonly yes` switch that off for this start; then:",
            f"cp {name} /var/lib/redis/dump.rdb", "# start redis"]  # fmt: skip


def _git(name: str, record: ComponentRecord) -> list[str]:
    return [f"git bundle list-heads {name}", f"git clone --mirror {name} restored.git"]


def _tar(name: str, record: ComponentRecord) -> list[str]:
    return [f"tar tvf {name}", "mkdir restored-files", f"tar xpf {name} --numeric-owner -C restored-files    # as root"]


def _file(name: str, record: ComponentRecord) -> list[str]:
    return [f"less {name}    # copy it to where it was, readable for the app's user only"]


_Way = Callable[[str, ComponentRecord], list[str]]
_WAYS: tuple[tuple[str, _Way], ...] = (
    (r"^postgres\w* .*(custom|pg_dump)", _pg_custom),
    (r"^postgres\w* .*sql", _pg_sql),
    (r"^(mysql|mariadb) ", _mysql),
    (r"^sqlite ", _sqlite),
    (r"rdb", _redis),
    (r"bundle", _git),
    (r" tar\b", _tar),
    (r"^env ", _file),
)


def _closing(manifest: Manifest) -> str:
    warned = "".join(f"- {_plain(warning)}\n" for warning in manifest.warnings)
    notes = f"## What daytwo noted while it made this\n\n{warned}\n" if warned else ""
    return f"""{notes}## Afterwards

Compare what you restored with the counts in `manifest.json` before you let anyone use it.
"""


def _plain(text: str) -> str:
    """One line that does not break the page it stands in."""
    return re.sub(r"[\x00-\x1f\x7f`|]+", " ", text)
