"""What people do today, as they would write it, and daytwo: the commands that are raced against each other.

Every contestant gets the same app, the same client tools, caches of its own and a repository that exists and is empty.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.app import DATABASE, App
from bench.measure import Command

_SCRIPT = """\
set -euo pipefail
stamp=$(date -u +%Y%m%dT%H%M%SZ)
parts=$1/$stamp
mkdir -p "$parts"
pg_dump >"$parts/database.sql"
cp -a config uploads logs "$parts/"
tar czf "$1/bench-$stamp.tar.gz" -C "$1" "$stamp"
rm -rf "$parts"
ls -1t "$1"/bench-*.tar.gz | tail -n +8 | xargs -r rm --
"""
"""The shell script of Postiz's own operations guide: dump, copy, tar, remove the parts, keep seven."""

_RESTIC = """\
set -euo pipefail
pg_dump -Fc -Z0 | restic backup --quiet --stdin --stdin-filename db.dump
restic backup --quiet uploads logs config
"""

_BORGMATIC = """\
source_directories: [{folders}]
repositories: [{{path: "{repository}"}}]
encryption_passphrase: not a secret
borg_base_directory: "{base}"
user_runtime_directory: "{base}"
user_state_directory: "{base}"
postgresql_databases:
  - {{name: {database}, hostname: {host}, port: {port}, username: {user}, password: "{password}"}}
"""


class Daytwo:
    """daytwo on the app.

    Args:
        app: the app.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.cache = app.folder / "cache-daytwo"

    def command(self, *argv: str) -> Command:
        """A daytwo command, as a person would type it."""
        program = Path(sys.executable).with_name("daytwo")
        env = {
            "XDG_CACHE_HOME": str(self.cache),
            "RESTIC_CACHE_DIR": str(self.cache / "of-restic"),
            "PYTHONDONTWRITEBYTECODE": "",  # what is installed has its byte code, a source tree first has to make it
        }
        return Command([program, *argv], env, self._app.folder)

    def backup(self, name: str) -> Command:
        """Make the backup of that name."""
        return self.command("backup", name, "--quiet")

    def restore(self, into: str | None) -> Command:
        """Restore the database from the archive: into another one, or in place."""
        place = ["--into", f"db.database={into}"] if into else ["--no-safety"]
        return self.command("restore", "--service", "db", "--repository", "archive", "--yes", *place)


class Script:
    """The shell script."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.folder = app.folder / "backups-script"

    def backup(self) -> Command:
        """Run it."""
        return Command(["bash", "-c", _SCRIPT, "backup.sh", self.folder], self._app.env, self._app.folder)


class Restic:
    """restic, started by hand.

    Args:
        app: the app.
        repository: its folder.
    """

    def __init__(self, app: App, repository: Path) -> None:
        self._app = app
        self.repository = repository
        self.cache = app.folder / "cache-restic"

    def _command(self, *argv: str) -> Command:
        env = {
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_PASSWORD_FILE": str(self._app.folder / "restic-password"),
            "RESTIC_CACHE_DIR": str(self.cache),
        }
        return Command(argv, {**self._app.env, **env}, self._app.folder)

    def make(self) -> None:
        """Make the repository anew, empty, and forget what the cache knows of the last one."""
        shutil.rmtree(self.repository, ignore_errors=True)
        shutil.rmtree(self.cache, ignore_errors=True)
        self._command("restic", "init").run()
        shutil.rmtree(self.cache, ignore_errors=True)

    def backup(self) -> Command:
        """One after the other: the database, then the folders."""
        return self._command("bash", "-c", _RESTIC)


@dataclass(frozen=True)
class Borgmatic:
    """borgmatic with borg, as its documentation begins: encrypted repository, a database, folders.

    Args:
        app: the app.
        program: borgmatic.
    """

    app: App
    program: Path

    @property
    def _base(self) -> Path:
        return self.app.folder / "borg"

    def _command(self, *argv: str) -> Command:
        env = {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
        return Command(
            [self.program, "--config", self._base / "borgmatic.yaml", *argv], {**self.app.env, **env}, self.app.folder
        )

    def make(self) -> None:
        """Make the repository anew, empty."""
        shutil.rmtree(self._base, ignore_errors=True)
        self._base.mkdir()
        server = self.app.server
        (self._base / "borgmatic.yaml").write_text(
            _BORGMATIC.format(
                folders=", ".join(f'"{self.app.folder / name}"' for name in App.FOLDERS),
                repository=self._base / "repository", base=self._base, database=DATABASE, host=server.host,
                port=server.port, user=server.user, password=server.password,
            )
        )  # fmt: skip
        (self._base / "borgmatic.yaml").chmod(0o600)
        self._command("repo-create", "--encryption", "repokey-blake2").run()

    def backup(self) -> Command:
        """`borgmatic create`."""
        return self._command("create")


class ByHand:
    """Restoring the database with PostgreSQL's own tools, from dumps that lie ready."""

    def __init__(self, app: App) -> None:
        self._app = app

    def _shell(self, text: str) -> Command:
        return Command(["bash", "-euc", text], self._app.env, self._app.folder)

    def dump(self) -> None:
        """Make a plain dump and one in the custom format."""
        self._shell("pg_dump >plain.sql; pg_dump -Fc -Z0 >custom.dump").run()

    def psql(self, name: str) -> Command:
        """The plain dump into a new database."""
        return self._shell(f"createdb {name}; psql -qX -v ON_ERROR_STOP=1 -d {name} -f plain.sql")

    def pg_restore(self, name: str) -> Command:
        """The custom dump into a new database, with two connections."""
        return self._shell(f"createdb {name}; pg_restore -j2 -d {name} custom.dump")

    def analyze(self, name: str) -> Command:
        """What a person has to do next, and daytwo has done: the planner's statistics."""
        return self._shell(f"psql -qX -d {name} -c analyze")
