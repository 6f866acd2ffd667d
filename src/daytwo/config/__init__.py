"""The one file: read, merged with its recipes, checked, described."""

from daytwo.config.loading import find, glimpse, load, parsed
from daytwo.config.models import Backup, Config, Hook, Keep, Ping, PingTarget, Recovery
from daytwo.config.problems import ConfigFileError, Problem, Spot
from daytwo.config.schema import schema
from daytwo.config.show import show

__all__ = [
    "Backup", "Config", "ConfigFileError", "Hook", "Keep", "Ping", "PingTarget", "Problem", "Recovery", "Spot",
    "find", "glimpse", "load", "parsed", "schema", "show",
]  # fmt: skip
