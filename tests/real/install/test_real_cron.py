"""Debian's real cron runs what was installed: from /etc/cron.d and from a user's table.

Everything cron keeps (its tables, its lock) is in a mount namespace of the test's own, so the machine's tables are not
touched. Cron begins its work at the next full minute, so this takes up to two.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.need import missing, require, require_root

PRIVATE = """
set -e
mount -t tmpfs tmpfs /etc/cron.d
mount -t tmpfs tmpfs /var/spool/cron
mount -t tmpfs tmpfs /run
mkdir -m 1730 /var/spool/cron/crontabs
chgrp crontab /var/spool/cron/crontabs
"$@"
exec cron -f
"""
INSTALL = """
import sys
from dataclasses import replace
from pathlib import Path
from daytwo.config import load
from daytwo.core.run import Run
from daytwo.install.cron import Machine, plan
from daytwo.install.table import apply, read_table
folder, run = Path(sys.argv[1]), Run("run1", Path(sys.argv[1]) / "work")
config = load(folder / "daytwo.yaml")
here = replace(Machine.here(run), home=folder / "home", program=str(folder / "100% daytwo"), zone="UTC")
assert here.system, here
system = plan(config, here)
# The log belongs to the test, not to /var/log.
text = system.file.text.replace(str(system.log), str(folder / "system.log"))
apply(replace(system, file=replace(system.file, text=text), log=folder / "system.log"), run)
mine = plan(config, replace(here, system=False))
apply(mine, run)
assert mine.block in read_table(run)
"""
YAML = """
app: {app}
timezone: Asia/Kathmandu
services:
  uploads: {{kind: files, path: /srv/uploads}}
repositories:
  local: {{kind: archive, path: ./backups}}
backups:
  always: {{at: "* * * * *"}}
  never: {{at: "0 0 1 1 *"}}
"""
PROGRAM = """#!/bin/sh
echo "ran $* PATH=$PATH"
"""


@contextlib.contextmanager
def cron_with(folder: Path) -> Iterator[subprocess.Popen]:
    """Cron in a namespace of its own, with what is installed from the folder."""
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    child = subprocess.Popen([*unshare, "sh", "-c", PRIVATE, "sh", sys.executable, "-c", INSTALL, str(folder)],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    with child:
        try:
            yield child
        finally:
            child.kill()


def until(log: Path, child: subprocess.Popen) -> str:
    """The log, once something is in it."""
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        if log.exists() and "ran " in log.read_text():
            return log.read_text()
        if child.poll() is not None:
            assert child.stdout
            pytest.fail(f"cron ended: {child.stdout.read()}")
        time.sleep(0.2)
    listing = [str(path) for path in log.parent.rglob("*")]
    pytest.fail(f"cron did not run it: {listing}")


def test_debians_cron_runs_what_is_due_and_only_that(tmp_path: Path) -> None:
    require("cron")
    require_root("cron")
    try:
        subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("unshare cannot make a namespace here")
    (tmp_path / "daytwo.yaml").write_text(YAML.format(app=f"cron-{os.getpid()}"))
    (tmp_path / "100% daytwo").write_text(PROGRAM)
    (tmp_path / "100% daytwo").chmod(0o755)
    mine = tmp_path / f"home/.local/state/daytwo/daytwo-cron-{os.getpid()}.log"
    with cron_with(tmp_path) as child:
        for log in (tmp_path / "system.log", mine):
            said = until(log, child)
            assert f"ran backup always --config {tmp_path}/daytwo.yaml PATH=/usr/local/sbin:" in said
            assert "never" not in said and "Traceback" not in said
