"""The component that a repository is."""

from daytwo.core import fileset  # noqa: F401 - the restore swaps folders as files are swapped
