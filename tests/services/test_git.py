"""Kind `git` on this machine."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.core.errors import DaytwoError, IntegrityError, SourceError, UsageError
from daytwo.core.run import Run
from daytwo.core.service import Component, Place, Service
from daytwo.core.tarball import listing
from daytwo.services.git import Git, GitSettings
from daytwo.services.git.repository import Repository
from tests.contract.services import ServiceCase, ServiceContract, dump_to_file, source_of
from tests.services import folders

pytestmark = pytest.mark.slow

WHO = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "C",
    "GIT_COMMITTER_EMAIL": "c@example.org", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
}  # fmt: skip


def git(path: Path, *argv: str, stdin: str | None = None) -> str:
    """Run git in a repository; its output."""
    argv = ("git", "-c", "safe.directory=*", "-C", str(path), *argv)
    done = subprocess.run(argv, env=os.environ | WHO, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(path: Path, name: str, text: str) -> str:
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(text)
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", f"{name}: {text}")
    return git(path, "rev-parse", "HEAD")


def fill(path: Path) -> None:
    """A work tree with branches, tags of all sorts, notes, a stash and an odd ref."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--initial-branch=trunk")
    commit(path, "read me", "one")
    git(path, "tag", "light")
    git(path, "tag", "--annotate", "v1", "--message", "first")
    blob = git(path, "hash-object", "-w", "--stdin", stdin="a blob")
    git(path, "tag", "blob", blob)
    git(path, "tag", "tree", "HEAD^{tree}")
    git(path, "checkout", "--quiet", "-b", "feature/ü")
    commit(path, "sub/dir/file", "two")
    git(path, "notes", "add", "--message", "a note")
    git(path, "update-ref", "refs/pull/1/head", "HEAD")
    git(path, "checkout", "--quiet", "trunk")
    commit(path, "read me", "three")
    git(path, "merge", "--quiet", "--no-edit", "feature/ü")
    (path / "read me").write_text("stashed")
    git(path, "stash", "--quiet")


def state(path: Path) -> object:
    """All references, HEAD, and the files of the work tree."""
    if not path.exists():
        return None
    bare = git(path, "rev-parse", "--is-bare-repository")
    head = (path / ("HEAD" if bare == "true" else ".git/HEAD")).read_text()
    refs = git(path, "for-each-ref")
    git(path, "fsck", "--full", "--strict")
    tree = {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*")
            if file.is_file() and ".git" not in file.relative_to(path).parts} if bare == "false" else {}  # fmt: skip
    return bare, head, refs, {name: data for name, data in tree.items() if ".daytwo-" not in name}


def service(folder: Path, path: str, **settings: object) -> Git:
    """The service, as configured by a file in `folder`."""
    return Git("code", GitSettings.model_validate({"kind": "git", "path": path, **settings}), Place(folder, "a", "t"))


class WorkTreeCase(ServiceCase):
    """A work tree."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.path, self.other = base / "my code", base / "other" / "code"
        base.mkdir()

    def service(self) -> Service:
        return service(self.base, "my code")

    def elsewhere(self) -> Service:
        return service(self.base, str(self.other))

    def broken(self) -> list[Service]:
        fill(self.base / "outer")
        (self.base / "outer" / "plain").mkdir()
        (self.base / "file").touch()
        git(self.base, "clone", "--quiet", "--depth", "1", f"file://{self.base}/outer", "shallow")
        return [
            service(self.base, "missing"),
            service(self.base, "file"),
            service(self.base, "outer/plain"),
            service(self.base, "outer/.git"),
            service(self.base, "shallow"),
            service(self.base, "/x", container="daytwo-no-such-container"),
        ]

    def fill(self) -> None:
        fill(self.path)

    def change(self) -> None:
        commit(self.path, "read me", "after the dump")
        git(self.path, "branch", "--quiet", "-D", "feature/ü")

    def destroy(self) -> None:
        shutil.rmtree(self.path)

    def content(self, service: Service) -> object:
        return state(service.place.path(service.settings.path))

    def leftovers(self) -> object:
        return folders.leftovers(self.path, self.other)


class TestWorkTree(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> WorkTreeCase:
        return WorkTreeCase(tmp_path / "base")


class BareCase(WorkTreeCase):
    """A bare repository, as a server has it."""

    def fill(self) -> None:
        fill(self.base / "origin")
        git(self.base, "clone", "--quiet", "--mirror", "origin", "my code")
        shutil.rmtree(self.base / "origin")

    def change(self) -> None:
        git(self.path, "update-ref", "-d", "refs/heads/feature/ü")


class TestBare(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> WorkTreeCase:
        return BareCase(tmp_path / "base")


class DetachedCase(WorkTreeCase):
    """A work tree whose HEAD is a commit that no branch has."""

    def fill(self) -> None:
        super().fill()
        git(self.path, "checkout", "--quiet", "--detach")
        commit(self.path, "lost", "without a branch")


class TestDetached(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> WorkTreeCase:
        return DetachedCase(tmp_path / "base")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    work = tmp_path / "run-work"
    work.mkdir()
    return Run("0123456789abcdef", work, timeout=120)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    fill(tmp_path / "data" / "code")
    return tmp_path / "data" / "code"


def component(path: Path) -> Component:
    return service(path.parent, path.name).components()[0]


def test_an_empty_repository(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "data" / "code"
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--initial-branch=odd")
    source, facts = dump_to_file(component(path), run, tmp_path)
    assert facts.counts == {"refs": 0, "commits": 0}
    assert component(path).verify(source, run).counts == facts.counts
    shutil.rmtree(path)
    staged = component(path).stage(source, run)
    assert staged.counts == facts.counts
    staged.swap()
    assert (path / "HEAD").read_text() == "ref: refs/heads/odd\n"


def test_sha256_repositories(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "data" / "code"
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--object-format=sha256")
    commit(path, "a", "b")
    before = state(path)
    source, _ = dump_to_file(component(path), run, tmp_path)
    component(path).verify(source, run)
    shutil.rmtree(path)
    component(path).stage(source, run).swap()
    assert state(path) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a repository away")
def test_a_repository_of_somebody_else(path: Path, run: Run, tmp_path: Path) -> None:
    subprocess.run(["chown", "-R", "1234:2345", path], check=True)
    source, _ = dump_to_file(component(path), run, tmp_path)
    component(path).stage(source, run).swap()
    for file in (path, path / "read me", path / ".git" / "HEAD"):
        assert (file.stat().st_uid, file.stat().st_gid) == (1234, 2345)


def test_what_a_bundle_does_not_hold_is_told_of(path: Path, run: Run, tmp_path: Path) -> None:
    (path / "untracked").touch()
    (path / "read me").write_text("uncommitted")
    (path / ".git" / "lfs" / "objects").mkdir(parents=True)
    git(path, "stash", "--quiet")
    (path / "read me").write_text("uncommitted")
    _, facts = dump_to_file(component(path), run, tmp_path)
    text = " ".join(facts.warnings)
    assert "2 uncommitted or untracked" in text
    assert "LFS" in text
    assert "of 2 stashes" in text


def test_a_commit_that_only_another_work_tree_is_at_is_told_of(path: Path, run: Run, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(path, "worktree", "add", "--quiet", "--detach", str(linked))
    for place in (path, linked):
        assert "work tree" not in " ".join(dump_to_file(component(place), run, tmp_path)[1].warnings)
    lost = commit(linked, "read me", "without a branch")
    _, facts = dump_to_file(component(path), run, tmp_path)
    assert "1 commits that only another work tree is at" in " ".join(facts.warnings)
    _, facts = dump_to_file(component(linked), run, tmp_path)
    assert lost in facts.contents[0]
    assert "work tree is at" not in " ".join(facts.warnings)
    git(path, "checkout", "--quiet", "--detach")
    commit(path, "read me", "without a branch either")
    _, facts = dump_to_file(component(linked), run, tmp_path)
    assert "1 commits that only another work tree is at" in " ".join(facts.warnings)


def test_uncommitted_files_are_kept_aside_and_configuration_stays(path: Path, run: Run, tmp_path: Path) -> None:
    git(path, "remote", "add", "origin", "https://example.org/x.git")
    hook = path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n")
    source, _ = dump_to_file(component(path), run, tmp_path)
    (path / "read me").write_text("uncommitted")
    (path / ".env").write_text("untracked")
    staged = component(path).stage(source, run)
    assert "2 uncommitted or untracked files" in staged.warnings[0]
    swapped = staged.swap()
    assert (path / "read me").read_text() == "three"
    assert (Path(swapped.kept) / "read me").read_text() == "uncommitted"
    assert (Path(swapped.kept) / ".env").read_text() == "untracked"
    assert git(path, "remote", "get-url", "origin") == "https://example.org/x.git"
    assert hook.exists()


def test_counts_are_those_of_the_bundle_while_others_commit(path: Path, run: Run, tmp_path: Path) -> None:
    stop = threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            commit(path, "read me", str(number))
            git(path, "branch", f"b{number}")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for number in range(5):
            folder = tmp_path / f"d{number}"
            folder.mkdir()
            source, facts = dump_to_file(component(path), run, folder)
            assert component(path).verify(source, run).counts == facts.counts
    finally:
        stop.set()
        thread.join()


def test_f01_a_repository_with_a_hole_is_not_dumped(path: Path, run: Run, tmp_path: Path) -> None:
    oid = git(path, "rev-parse", "HEAD~1^{tree}")
    (path / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(SourceError, match="fsck"):
        dump_to_file(component(path), run, tmp_path)


def test_damage_in_the_middle_is_found(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    file = tmp_path / "code.bundle"
    data = bytearray(file.read_bytes())
    data[-100] ^= 255
    file.write_bytes(data)
    damaged = source_of(file, source.record.model_copy(update={"plain": None}), tmp_path / "w")
    for act in (component(path).verify, component(path).stage):
        with pytest.raises(IntegrityError):
            act(damaged, run)
    file.write_text("no bundle")
    for act in (component(path).verify, component(path).stage):
        with pytest.raises(IntegrityError):
            act(source_of(file, damaged.record, tmp_path / "w2"), run)
    assert folders.leftovers(path) == []


def test_f02_references_are_compared_with_those_of_the_bundle(
    path: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for a git that loses a reference and says nothing."""
    source, _ = dump_to_file(component(path), run, tmp_path)
    real = Repository.refs

    def lossy(repository: Repository) -> dict[str, str]:
        return {name: oid for name, oid in real(repository).items() if name != "refs/tags/v1"}

    monkeypatch.setattr(Repository, "refs", lossy)
    for act in (component(path).verify, component(path).stage):
        with pytest.raises(IntegrityError, match="references"):
            act(source, run)
    assert folders.leftovers(path) == []


def test_extract(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    part = component(path)
    assert b"".join(part.extract(source, "read me", run)) == b"three"
    assert b"".join(part.extract(source, "light:read me", run)) == b"one"
    assert {m.path for m in listing(part.extract(source, "feature/ü:sub", run))} >= {"dir/file"}
    for item in ("nope", "nope:read me", "--help"):
        with pytest.raises(UsageError):
            list(part.extract(source, item, run))
    with pytest.raises(UsageError):
        part.stage(source, run, only=("read me",))


def test_identity(path: Path, run: Run) -> None:
    assert component(path).identity(run).holds.endswith(" refs")
    assert component(path.parent / "none").identity(run).holds == "nothing"
    (path.parent / "plain").mkdir()
    assert component(path.parent / "plain").identity(run).holds == "nothing"
    (path.parent / "plain" / "x").touch()
    assert "no git repository" in component(path.parent / "plain").identity(run).holds


def test_sweep_and_obstacles(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    assert source.record.plain
    huge = source.record.model_copy(update={"plain": source.record.plain.model_copy(update={"size": 1 << 60})})
    assert "make room" in component(path).obstacles(huge, run)[0]
    dead = Run("89abcdef01234567", run.work, timeout=60)
    component(path).stage(source, dead)
    assert len(folders.leftovers(path)) == 1
    assert len(component(path).sweep(dead.id, run)) == 1
    assert folders.leftovers(path) == []


def test_no_error_is_a_traceback(path: Path, run: Run, tmp_path: Path) -> None:
    (path / ".git" / "HEAD").write_text("garbage")
    with pytest.raises(DaytwoError):
        dump_to_file(component(path), run, tmp_path)


PROGRAM = """
[core]
    fsmonitor = {0}
    hooksPath = {1}
    sshCommand = {0}
    alternateRefsCommand = {0}
    pager = {0}
    editor = {0}
    askPass = {0}
    gitProxy = {0}
[include]
    path = {2}
[includeIf "gitdir:/**"]
    path = {2}
[filter "evil"]
    clean = {0}
    smudge = {0}
    process = {0}
    required = true
[filter "lfs"]
    clean = {0}
    smudge = {0}
    required = true
[diff]
    external = {0}
[diff "evil"]
    textconv = {0}
    command = {0}
[merge "evil"]
    driver = {0}
[gpg]
    program = {0}
[log]
    showSignature = true
[uploadpack]
    packObjectsHook = {0}
[credential]
    helper = {0}
[pager]
    status = {0}
    log = {0}
[tar "tar"]
    command = {0}
[alias]
    status = !{0}
    bundle = !{0}
[remote "origin"]
    url = ext::{0}
    promisor = true
    partialclonefilter = blob:none
    uploadpack = {0}
    fetch = +refs/heads/*:refs/remotes/origin/*
[status]
    submoduleSummary = true
"""
HOOKS = """
applypatch-msg pre-applypatch post-applypatch pre-commit prepare-commit-msg commit-msg post-commit pre-rebase
post-checkout post-merge pre-push pre-receive update proc-receive post-receive post-update reference-transaction
push-to-checkout pre-auto-gc post-rewrite fsmonitor-watchman post-index-change
"""


class Trap:
    """A repository whose configuration and hooks name a program wherever they can; it leaves a mark when it is run."""

    def __init__(self, path: Path, mark: Path) -> None:
        self.path, self.mark = path, mark
        self.program = mark.parent / "program"
        self.program.write_text(f'#!/bin/sh\necho "$0 $*" >>"{mark}"\ncat 2>/dev/null\n')
        self.program.chmod(0o755)

    def set(self, git_dir: Path) -> None:
        """Lay it."""
        folders = (git_dir / "hooks", self.mark.parent / "hooks")
        for folder in folders:
            folder.mkdir(exist_ok=True)
            for hook in HOOKS.split():
                shutil.copy(self.program, folder / hook)
        included = self.mark.parent / "included"
        included.write_text(f"[core]\n    fsmonitor = {self.program}\n")
        with (git_dir / "config").open("a") as config:
            config.write(PROGRAM.format(self.program, folders[1], included))

    def sprung(self) -> str:
        return self.mark.read_text() if self.mark.exists() else ""


@pytest.fixture
def trap(path: Path, tmp_path: Path) -> Trap:
    (tmp_path / "trap").mkdir()
    commit(path, ".gitattributes", "* filter=evil diff=evil merge=evil export-subst\n*.bin filter=lfs\n")
    commit(path, "a.bin", "$Format:%G?$")
    return Trap(path, tmp_path / "trap" / "mark")


def nested(path: Path, trap: Trap) -> None:
    """A submodule, which git would look into with a process of its own."""
    fill(path.parent / "sub")
    git(path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(path.parent / "sub"), "module")
    git(path, "commit", "--quiet", "--message", "module")
    trap.set(path / ".git" / "modules" / "module")
    (path / "module" / "read me").write_text("changed")


@pytest.mark.parametrize("layout", ["work tree", "bare", "linked"])
def test_no_program_of_the_repository_is_run(
    path: Path, run: Run, tmp_path: Path, trap: Trap, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if layout == "work tree":
        nested(path, trap)
        trap.set(path / ".git")
    elif layout == "bare":
        git(path.parent, "clone", "--quiet", "--mirror", "code", "bare")
        path = path.parent / "bare"
        trap.set(path)
    else:
        git(path, "worktree", "add", "--quiet", str(path.parent / "tree"), "-b", "other")
        trap.set(path / ".git")
        path = path.parent / "tree"
    if layout != "bare":
        (path / "read me").write_text("touched, so that git must look into it")
        (path / "new.bin").touch()
    (trap.mark.parent / "gitconfig").write_text(f"[core]\n    fsmonitor = {trap.program}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(trap.mark.parent / "gitconfig"))
    part = component(path)
    source, facts = dump_to_file(part, run, tmp_path)
    assert facts.counts["commits"] > 3
    part.identity(run)
    part.obstacles(source.record, run)
    part.verify(source, run)
    assert b"".join(part.extract(source, "a.bin", run)) == b"$Format:%G?$"
    assert b"".join(part.extract(source, "feature/ü:sub", run))
    part.stage(source, run).discard()
    staged = part.stage(source, run)
    if layout != "bare":
        assert any("filter" in warning for warning in staged.warnings)
    staged.swap()
    part.identity(run)
    part.sweep("0" * 16, run)
    assert trap.sprung() == ""
    assert list(run.work.glob("daytwo-*")) == [], "the private git directories are gone"
    hooks, config = [(path if layout == "bare" else path / ".git") / name for name in ("hooks", "config")]
    assert (hooks / "post-checkout").exists()
    assert str(trap.program) in config.read_text(), "what its owner set is there again"
    subprocess.run(["git", "-c", "safe.directory=*", "-C", path, "log", "-1"], capture_output=True, check=False)
    subprocess.run(["git", "-c", "safe.directory=*", "-C", path, "status"], capture_output=True, check=False)
    assert layout == "bare" or trap.sprung(), "the trap works"


@pytest.fixture
def odd_config(path: Path) -> Iterator[Path]:
    """A configuration that fits the old repository only."""
    for key, value in {
        "core.worktree": "/nowhere", "core.repositoryFormatVersion": "1", "extensions.worktreeConfig": "true",
        "extensions.partialClone": "origin", "extensions.preciousObjects": "true", "extensions.objectFormat": "sha1",
        "user.name": "Kept",
    }.items():  # fmt: skip
        git(path, "config", "--file", str(path / ".git" / "config"), key, value)
    yield path


def test_the_old_configuration_does_not_make_the_new_repository_unreadable(
    odd_config: Path, run: Run, tmp_path: Path
) -> None:
    path = odd_config
    source, _ = dump_to_file(component(path), run, tmp_path)
    component(path).stage(source, run).swap()
    config = path / ".git" / "config"
    assert git(path, "config", "user.name") == "Kept"
    assert git(path, "status", "--porcelain") == ""
    for word in ("worktree", "partial", "precious"):
        assert word not in config.read_text().lower()
    new = tmp_path / "data" / "new"
    new.mkdir()
    git(new, "init", "--quiet", "--object-format=sha256")
    git(new, "config", "user.name", "Of SHA-256")
    component(new).stage(source, run).swap()
    assert git(new, "rev-parse", "HEAD") == git(path, "rev-parse", "HEAD")
    assert git(new, "config", "user.name") == "Of SHA-256"


def test_links_are_not_followed_and_an_unreadable_configuration_is_told_of(
    path: Path, run: Run, tmp_path: Path
) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("[secret]\n    word = of-root\n")
    config = path / ".git" / "config"
    for spoil in (lambda: config.symlink_to(secret), lambda: config.write_text("[broken")):
        config.unlink()
        spoil()
        staged = component(path).stage(source, run)
        assert any("config cannot be taken over" in warning for warning in staged.warnings)
        shutil.rmtree(Path(staged.swap().kept))
        assert "of-root" not in config.read_text()
        assert git(path, "status", "--porcelain") == ""


def test_two_services_in_one_place_do_not_collide(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    names = set()
    for name in ("one", "two"):
        (part,) = Git(name, GitSettings(kind="git", path=str(path)), Place(path.parent, "a", "t")).components()
        names.add(part.stage(source, run).swap().kept)
    assert len(names) == 2


def odd_object(path: Path, kind: str, text: bytes) -> str:
    """Put an object there that git does not look at."""
    argv = ("git", "-C", str(path), "hash-object", "--literally", "-t", kind, "-w", "--stdin")
    return subprocess.run(argv, input=text, capture_output=True, check=True).stdout.decode().strip()


def test_an_old_commit_of_an_odd_form_is_told_of_and_no_damage(path: Path, run: Run, tmp_path: Path) -> None:
    tree = git(path, "rev-parse", "HEAD^{tree}")
    text = f"tree {tree}\nauthor A a@example.org 1 +0000\ncommitter A<a@example.org> 1 +0000\n\nold\n"
    git(path, "branch", "old", odd_object(path, "commit", text.encode()))
    source, _ = dump_to_file(component(path), run, tmp_path)
    component(path).verify(source, run)
    assert any("objects to the form of 1 object" in warning for warning in run.warnings), run.warnings
    component(path).stage(source, run).swap()


def test_f02_an_object_that_is_not_what_it_is_called_is_found(path: Path, run: Run, tmp_path: Path) -> None:
    """Every hash is right and nothing is missing; only git's own check sees it."""
    tree = bytes.fromhex(git(path, "rev-parse", "HEAD^{tree}"))
    outer = odd_object(path, "tree", b"100644 file\0" + tree)
    who = "A <a@example.org> 1 +0000"
    text = f"tree {outer}\nauthor {who}\ncommitter {who}\n\nbad\n"
    commit = odd_object(path, "commit", text.encode())
    objects = f"{git(path, 'rev-list', '--objects', 'HEAD')}\n{outer}\n{commit}\n"
    lines = [line.partition(" ")[0] for line in objects.splitlines()]
    argv = ("git", "-C", str(path), "pack-objects", "--stdout", "-q")
    pack = subprocess.run(argv, input="\n".join(lines).encode(), capture_output=True, check=True).stdout
    source, _ = dump_to_file(component(path), run, tmp_path)
    file = tmp_path / "odd.bundle"
    file.write_bytes(f"# v2 git bundle\n{commit} refs/heads/bad\n\n".encode() + pack)
    odd = source_of(file, source.record.model_copy(update={"plain": None}), tmp_path / "w")
    with pytest.raises(IntegrityError, match="fsck"):
        component(path).verify(odd, run)
