"""The command line. One file a noun; no logic, only words in and out."""

from daytwo.cli.main import main

__all__ = ["main"]
