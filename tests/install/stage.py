"""What the tests of `install` share."""

from datetime import UTC, datetime

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
YAML = """
app: shop
timezone: Europe/Berlin
services:
  uploads: {kind: files, path: /srv/uploads}
repositories:
  local: {kind: archive, path: ./backups}
backups:
  nightly: {at: "0 3 * * *"}
  monthly: {at: "30 4 1 * *"}
  by-hand: {}
"""
