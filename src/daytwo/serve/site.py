"""The configuration that the daemon works with: read once, replaced only by one without mistakes."""

import logging
from collections.abc import Callable
from pathlib import Path

from daytwo.config import Config, parsed
from daytwo.config.document import read_text
from daytwo.core.errors import ConfigError, DaytwoError

_FIXED = ("app", "environment", "state")
_AT_START = ("listen", "tls", "public", "trusted_proxies", "local", "log")
_log = logging.getLogger(__name__)


class Site:
    """The daemon's configuration.

    Args:
        path: the file.

    Raises:
        ConfigError: it is missing or wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = read_text(path)
        self.config = self._begun = parsed(self.text, path)
        self.refused = ""
        """Why the last reload was refused; empty when it was not."""
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have something called after each reload."""
        self._listeners.append(listener)

    def reload(self) -> list[str]:
        """Read the file again; with a mistake in it, everything stays as it is.

        Returns:
            Settings that have changed and count from the next start on.

        Raises:
            ConfigError: it is refused, with all its mistakes.
        """
        try:
            text = read_text(self.path)
            config = parsed(text, self.path)
            self._same(config)
        except DaytwoError as error:
            self.refused = str(error)
            _log.error("the configuration was not reloaded, the one before stays: %s", error)
            raise
        later = [
            f"serve.{name}" for name in _AT_START if getattr(config.serve, name) != getattr(self._begun.serve, name)
        ]
        self.text, self.config, self.refused = text, config, ""
        _log.info("the configuration was reloaded (%s)", config.fingerprint[:12])
        for listener in self._listeners:
            listener()
        return later

    def _same(self, config: Config) -> None:
        changed = [name for name in _FIXED if getattr(config, name) != getattr(self.config, name)]
        if changed:
            raise ConfigError(
                f"{', '.join(changed)} cannot change while the daemon runs",
                where=str(self.path),
                hint="Start the daemon again",
            )
