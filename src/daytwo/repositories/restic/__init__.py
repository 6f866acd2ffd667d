"""Repositories of kind `restic`: deduplicated, encrypted snapshots in any place that restic reaches."""

from daytwo.repositories.restic.repository import ResticRepository
from daytwo.repositories.restic.settings import ResticSettings

__all__ = ["ResticRepository", "ResticSettings"]
