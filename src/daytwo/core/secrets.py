"""Secrets: referenced in the configuration, resolved at the last moment, shown nowhere.

A `SecretRef` says where a secret is to be found; `resolve` fetches it as a `Secret`, whose `str` and `repr` are
masked. Every resolved value is remembered by this process, so that `redact` can blank it in text that comes from
elsewhere (a program's error output, a log line).
"""

import base64
import json
import os
import subprocess
import threading
import urllib.parse
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from daytwo.core.errors import SecretError

MASK = "***"
_known: set[str] = set()
_lock = threading.Lock()


class Secret:
    """A secret value that does not print."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

    def reveal(self) -> str:
        """The value itself. Hand it to a program's environment or standard input, nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is never stored or sent")


def remember(value: str) -> None:
    """Have `redact` blank this value from now on, also quoted for URLs, JSON and Python, and in base64."""
    if len(value) < 4:
        return
    raw = value.encode("utf-8", "surrogatepass")
    forms = {
        value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1],
        urllib.parse.quote(raw), urllib.parse.quote(raw, safe=""), urllib.parse.quote_plus(raw),
        base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(),
    }  # fmt: skip
    with _lock:
        _known.update(forms)


def redact(text: str) -> str:
    """The text with every secret this process has resolved replaced by asterisks."""
    with _lock:
        known = sorted(_known, key=len, reverse=True)
    for value in known:
        if value in text:
            text = text.replace(value, MASK)
    return text


class SecretRef(BaseModel):
    """Where a secret is found: exactly one of `env`, `file`, `command` or `credential`.

    A bare string is refused, so that no password ends up in the configuration file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str | None = Field(default=None, description="name of an environment variable")
    file: Path | None = Field(default=None, description="file whose content, without the final newline, is the secret")
    command: tuple[str, ...] | None = Field(
        default=None, description="program and arguments whose standard output is the secret"
    )
    credential: str | None = Field(default=None, description="name of a systemd credential (LoadCredential)")

    @model_validator(mode="before")
    @classmethod
    def _no_plain_text(cls, value: object) -> object:
        if isinstance(value, str | int | float):
            raise ValueError("a secret is a reference, not a value: write {env: NAME}, {file: PATH} or {command: [..]}")
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretRef":
        if sum(value is not None for value in (self.env, self.file, self.command, self.credential)) != 1:
            raise ValueError("give exactly one of env, file, command, credential")
        return self

    def __str__(self) -> str:
        for key in ("env", "file", "command", "credential"):
            if (value := getattr(self, key)) is not None:
                shown = value[0] if key == "command" else value
                return f"{{{key}: {shown}}}"
        return "{}"


def resolve(ref: SecretRef, *, where: str, base: Path | None = None) -> Secret:
    """Fetch the secret that the reference names.

    Args:
        ref: the reference.
        where: the setting it belongs to, for the error message, such as `services.db.password`.
        base: the folder that a relative file is taken from.

    Raises:
        SecretError: it is not there, cannot be read or is empty.
    """
    if ref.env is not None:
        value = os.environ.get(ref.env)
        if value is None:
            raise SecretError(f"the environment variable {ref.env} is not set", where=where, hint=f"Set {ref.env}")
    elif ref.command is not None:
        value = _from_command(ref.command, where)
    else:
        value = _from_file(_file_of(ref, where, base), where)
    if not value:
        raise SecretError(f"the secret {ref} is empty", where=where, hint="Put the value there")
    return Secret(value)


def _file_of(ref: SecretRef, where: str, base: Path | None) -> Path:
    if ref.credential is not None:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise SecretError(
                f"the systemd credential {ref.credential} is not there",
                where=where,
                hint="Run daytwo from its unit with LoadCredential=, or use {env: ...} or {file: ...}",
            )
        return Path(folder) / ref.credential
    path = (ref.file or Path()).expanduser()
    return path if path.is_absolute() or base is None else base / path


def _from_file(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SecretError(
            f"cannot read {path}: {error.strerror}", where=where, hint="Check the path and its owner"
        ) from None
    except UnicodeDecodeError:
        raise SecretError(f"{path} is no text in UTF-8", where=where, hint="Check the path") from None


def _from_command(argv: tuple[str, ...], where: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=60, check=True, text=True)
    except FileNotFoundError:
        raise SecretError(f"the program {argv[0]} is not installed", where=where) from None
    except OSError as error:
        raise SecretError(f"{argv[0]} cannot be run: {error.strerror}", where=where) from None
    except UnicodeDecodeError:
        raise SecretError(f"{argv[0]} gave no text in UTF-8", where=where) from None
    except subprocess.TimeoutExpired:
        raise SecretError(f"{argv[0]} gave no secret within 60 s", where=where) from None
    except subprocess.CalledProcessError as error:
        raise SecretError(f"{argv[0]} ended with code {error.returncode}", where=where) from None
    return done.stdout.rstrip("\r\n")
