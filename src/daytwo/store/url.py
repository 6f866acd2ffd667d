"""Where the state lives. Kept free of SQLAlchemy, so that read-only commands start fast."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from daytwo.config import Config
from daytwo.core.errors import ConfigError
from daytwo.core.secrets import SecretRef, remember, resolve


@dataclass(frozen=True)
class StateUrl:
    """A SQLite file or a PostgreSQL database.

    Args:
        text: `sqlite:///PATH` or `postgresql://...`; may hold a password and is never shown.
    """

    text: str

    @classmethod
    def of(cls, config: Config) -> "StateUrl":
        """The state of an app.

        Raises:
            ConfigError, SecretError: it is not a state, or its reference cannot be resolved.
        """
        given = config.state
        text = resolve(given, where="state", base=config.folder).reveal() if isinstance(given, SecretRef) else given
        return cls.parse(text, config.folder)

    @classmethod
    def parse(cls, text: str, folder: Path) -> "StateUrl":
        """Read the `state` setting: a file path (relative to `folder`) or a `postgresql://` URL.

        Raises:
            ConfigError: it is neither.
        """
        if text.startswith(("postgresql://", "postgres://")):
            for password in _passwords_in(text):
                remember(password)
            return cls("postgresql://" + text.split("://", 1)[1])
        if "://" in text and not text.startswith("sqlite:///"):
            raise ConfigError("the state is a file or a postgresql:// URL", where="state")
        path = Path(text.removeprefix("sqlite:///")).expanduser()
        return cls(f"sqlite:///{path if path.is_absolute() else folder / path}")

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.text.startswith("sqlite:")

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return Path(self.text.removeprefix("sqlite:///"))

    @property
    def sqlalchemy(self) -> str:
        """The URL as SQLAlchemy takes it."""
        return self.text if self.is_sqlite else self.text.replace("postgresql://", "postgresql+psycopg://", 1)

    def __repr__(self) -> str:
        return f"StateUrl({str(self)!r})"

    def __str__(self) -> str:
        """For people: the file, or the database without user and password."""
        return str(self.file) if self.is_sqlite else f"postgresql://{_bare(self.text).rsplit('@')[-1]}"


def _bare(text: str) -> str:
    """An address without its scheme, and without parameters: a password may be among them (libpq, 34.1.1.2)."""
    return text.partition("://")[2].partition("?")[0]


def _passwords_in(text: str) -> Iterator[str]:
    """The passwords in an address, as they are written and as they are meant."""
    user = _bare(text).rpartition("@")[0]
    written = [user.partition(":")[2]]
    for one in text.partition("?")[2].split("&"):
        name, _, value = one.partition("=")
        if name in ("password", "sslpassword"):
            written.append(value)
    for one in written:
        if one:
            yield from {one, unquote(one)}
