"""Somebody else on this machine, with a role by `serve.local`: sees through the daemon what the state file denies."""

import grp
import json
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parts.ready import python
from tests.real.serve.running import Place, place

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
NOBODY = pwd.getpwnam("nobody")
# What would be imported later may lie where nobody may look: it is loaded while this still is root, daytwo itself by
# the process that this one is forked off.
AS_NOBODY = f"""
import contextlib, io, os, sys
from daytwo.cli.main import run
from daytwo.cli import books
ours, books._is_ours = books._is_ours, lambda config: False
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    for argv in (sys.argv[1:] + ["--help"], ["exports", "list", "--csv", *sys.argv[-2:]], ["status", *sys.argv[-2:]]):
        run(argv)
books._is_ours = ours
os.setgroups([])
os.setresgid({NOBODY.pw_gid}, {NOBODY.pw_gid}, {NOBODY.pw_gid})
os.setresuid({NOBODY.pw_uid}, {NOBODY.pw_uid}, {NOBODY.pw_uid})
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Place]:
    """An app in a folder that everybody may enter, with something of everything in its records."""
    with tempfile.TemporaryDirectory(prefix="daytwo-viewer-") as name:
        Path(name).chmod(0o755)
        with place(Path(name), extra="heartbeats: {reports: {every: 1d}}\n") as made:
            made.write()
            made.config.write_text(made.config.read_text().replace("stop_within", "local: {nobody: ROLE}, stop_within"))
            made.config.write_text(made.config.read_text().replace("ROLE", "viewer"))
            made.start()
            made.run("backup")
            made.run("exports", "add", "orders", "--to", "acme", "--rows", "3")
            made.run("exports", "add", "invoices", "--to", "globex", "--rows", "4")
            made.run("schedule", "pause", "nightly")
            made.client.call("POST", "/api/heartbeats/reports/pings", {"kind": "fail", "excerpt": "disk is full"})
            yield made


def as_nobody(shop: Place, *argv: str, code: int = 0) -> str:
    done = python(AS_NOBODY, [*argv, "--config", shop.config], cwd="/")
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def role(shop: Place, word: str) -> None:
    text = shop.config.read_text()
    for one in ("viewer", "operator", "admin"):
        text = text.replace(f"nobody: {one}", f"nobody: {word}")
    shop.config.write_text(text)
    shop.run("reload")


def without(told: Any, *names: str) -> Any:
    """Values of a document without what no two looks, or no two readers, have alike."""
    if isinstance(told, dict):
        return {name: without(value, *names) for name, value in told.items() if name not in names}
    return [without(one, *names) for one in told] if isinstance(told, list) else told


def test_the_state_is_not_theirs(shop: Place) -> None:
    assert (shop.folder / ".daytwo" / "state.db").stat().st_mode & 0o077 == 0
    assert grp.getgrgid(NOBODY.pw_gid).gr_name != "root"


@pytest.mark.parametrize(
    "argv",
    [
        ("schedule",),
        ("runs",),
        ("runs", "--kind", "restore"),
        ("snapshots",),
        ("snapshots", "--repository", "local"),
        ("snapshots", "show", "latest"),
        ("snapshots", "diff", "latest"),
        ("exports", "list"),
        ("exports", "list", "invoices", "--limit", "1"),
        ("exports", "list", "--who", "nobody at all"),
        ("exports", "list", "--csv"),
        ("exports", "show", "2"),
        ("exports", "report", "--by", "what"),
    ],
    ids=" ".join,
)
def test_a_viewer_reads_what_the_daemons_user_does(shop: Place, argv: tuple[str, ...]) -> None:
    role(shop, "viewer")
    if argv[1:2] == ("diff",):
        latest = shop.json("snapshots")[-1]["id"]
        argv = ("snapshots", "diff", latest)
    assert as_nobody(shop, *argv) == (done := shop.run(*argv)).stdout + done.stderr
    if "--csv" not in argv:
        assert json.loads(as_nobody(shop, *argv, "--json")) == shop.json(*argv)


def test_one_run_and_the_status(shop: Place) -> None:
    [run] = [one for one in shop.runs() if one["kind"] == "backup"]
    assert as_nobody(shop, "runs", "show", run["id"]) == shop.run("runs", "show", run["id"]).stdout
    assert "no run abc" in as_nobody(shop, "runs", "show", "abc", code=2)
    theirs = shop.run("status", "--json", code=None)  # a heartbeat of another test may be an alert by now
    assert "recent runs" in (told := as_nobody(shop, "status", code=theirs.returncode))
    assert "paused its schedule" in told
    mine = json.loads(as_nobody(shop, "status", "--json", code=theirs.returncode))
    assert without(mine, "now") == without(json.loads(theirs.stdout), "now")


def test_heartbeats_without_the_address_that_is_as_good_as_a_password(shop: Place) -> None:
    role(shop, "viewer")
    secret = shop.json("heartbeats")["heartbeats"][0]["ping"]
    told = as_nobody(shop, "heartbeats")
    assert "reports" in told and secret not in told and "/ping/" not in told
    assert "disk is full" in as_nobody(shop, "heartbeats", "show", "reports")
    mine = json.loads(as_nobody(shop, "heartbeats", "show", "reports", "--json"))
    assert without(mine, "ping", "url") == without(shop.json("heartbeats", "show", "reports"), "ping", "url")
    role(shop, "operator")
    assert secret in as_nobody(shop, "heartbeats")


def test_an_operator_records_an_export_and_a_viewer_does_not(shop: Place) -> None:
    role(shop, "viewer")
    add = ("exports", "add", "leads", "--to", "acme", "--rows", "1", "--key", "k7")
    assert "role operator" in as_nobody(shop, *add, code=5)
    role(shop, "operator")
    assert "is recorded." in as_nobody(shop, *add)
    assert "recorded already" in as_nobody(shop, *add)
    assert shop.json("audit", "list", "--action", "export.add")[0]["actor"] == "nobody"


def test_the_audit_trail_is_for_admins(shop: Place, tmp_path: Path) -> None:
    role(shop, "operator")
    assert "role admin" in as_nobody(shop, "audit", "list", code=5)
    role(shop, "admin")
    for argv in (("list",), ("show", "internal/1"), ("heads",), ("export",), ("list", "--action", "export")):
        assert as_nobody(shop, "audit", *argv) == shop.run("audit", *argv).stdout
    heads = Path(tempfile.mkdtemp(dir=shop.folder)) / "heads.json"
    heads.parent.chmod(0o755)
    heads.write_text(shop.run("audit", "heads").stdout)
    told = as_nobody(shop, "audit", "verify", "--anchor", str(heads))
    assert "The record is whole." in told and "heads kept elsewhere" in told and "were not compared" in told
    changed = json.loads(heads.read_text())
    changed["heads"][0]["hash"] = "0" * 64
    heads.write_text(json.dumps(changed))
    assert "rewritten" in as_nobody(shop, "audit", "verify", "--anchor", str(heads), code=4)
    assert "once a day" in as_nobody(shop, "audit", "prune", code=5)


def test_without_a_daemon_the_state_itself_says_no(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="daytwo-viewer-") as name:
        Path(name).chmod(0o755)
        with place(Path(name)) as made:
            made.write().run("runs")
            (made.folder / ".daytwo").chmod(0o711)
            assert "state" in as_nobody(made, "runs", code=5)
