"""`make bench-protect`: backup, restore, memory and start of daytwo, side by side with what people use today.

Everyone runs in turn (A B A B ...) on the same app, with the disk quiet before each run; medians are compared. All of
it is in a temporary folder that is removed at the end.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.app import App, made
from bench.measure import CommandFailedError
from bench.races import Races
from bench.report import Report
from daytwo.core.units import Size

RACES = ("archive", "restic", "restore", "start")
_MEANT = 500_000_000
"""Below so many bytes what a start costs weighs more than the work, and the wanted ratios mean little."""

_NOTES = """\
seconds: whole process, median; CPU: all descendants, without the database server's own processes;
own: daytwo's, or the shell's, own process; memory is VmHWM, looked at ten times a second.
daytwo's backup reads back every byte it stored; the peers do not. Its restore also reads the archive, restores the
roles, counts every row, compares with the manifest and runs ANALYZE; in place without the safety snapshot.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the races that were asked for, and print the table.

    Returns:
        0, or 1 when a contestant failed or a program is missing; being behind is no failure.
    """
    options = _options(argv)
    if missing := [tool for tool in ("restic", "bash", "tar", "gzip") if not shutil.which(tool)]:
        print(f"error: {', '.join(missing)} must be installed: run scripts/install-parts", file=sys.stderr)
        return 1
    borgmatic = shutil.which(options.borgmatic)
    if borgmatic is None:
        print("borgmatic is not installed (or say where with --borgmatic): its rows are skipped")
    elif not shutil.which("borg"):
        borgmatic = None
        print("borg is not installed: the rows of borgmatic are skipped")
    report = Report()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
        # The database server runs as a user of its own and must reach its folder.
        Path(folder).chmod(0o755)
        tempfile.tempdir = folder
        try:
            _race(Path(folder) / "app", options, Path(borgmatic).resolve() if borgmatic else None, report)
        except CommandFailedError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        finally:
            tempfile.tempdir = None
    return 0


def _race(folder: Path, options: argparse.Namespace, borgmatic: Path | None, report: Report) -> None:
    folder.mkdir()
    _say(f"making an app of about {options.size.human}")
    with made(folder, int(options.size)) as app:
        about = _about(app, options.rounds)
        races = Races(app, options.rounds, report, _say, borgmatic)
        for name in RACES:
            if name in options.only:
                getattr(races, name)()
        races.memory()
    print(
        "\n" + "\n".join(f"{key}: {value}" for key, value in about.items()) + f"\n\n{report.text()}\n{_NOTES}", end=""
    )
    if options.size < _MEANT:
        print(f"What is wanted is meant for about 1 GB; this was {options.size.human}.")
    if options.json:
        options.json.write_text(report.json(about))


def _about(app: App, rounds: int) -> dict[str, object]:
    number, size = app.files()
    return {
        "machine": f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}",
        "database": f"{Size(app.database_size()).human} on disk, PostgreSQL {app.server.version}",
        "files": f"{number} files, {Size(size).human}",
        "rounds": rounds,
    }


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.protect", description="Race daytwo against its peers.")
    parser.add_argument("--size", type=Size.parse, default=Size.parse("1GB"), help="of the app, about (1GB)")
    parser.add_argument("--rounds", type=int, default=3, help="how often everyone runs (3)")
    parser.add_argument("--folder", type=Path, help="where to make the temporary folder; a short path")
    parser.add_argument("--only", nargs="+", choices=RACES, default=RACES, help="only these races")
    parser.add_argument("--borgmatic", default="borgmatic", help="the borgmatic program, when it is not on PATH")
    parser.add_argument("--json", type=Path, help="also write every sample to this file")
    return parser.parse_args(argv)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
