"""Kind `files` on this machine."""

import contextlib
import os
import shutil
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from daytwo.core.errors import DaytwoError, HostileArchiveError, IntegrityError, SourceError, UsageError
from daytwo.core.fileset import Choice
from daytwo.core.fileset import site as sites
from daytwo.core.fileset.reading import gnu_dump
from daytwo.core.fileset.swap import Plan, mark_of
from daytwo.core.fileset.words import understand
from daytwo.core.run import Run
from daytwo.core.service import Place, Service, Source, Tree
from daytwo.core.tarball import listing, summary
from daytwo.core.target import LOCAL
from daytwo.services.files import Files, FilesSettings
from tests.contract.services import ServiceCase, ServiceContract, dump_to_file, source_of
from tests.parts.need import require
from tests.services import folders


def files(folder: Path, **settings: object) -> Files:
    """The service, as configured by a file in `folder`."""
    return Files("uploads", FilesSettings.model_validate({"kind": "files", **settings}), Place(folder, "app", "test"))


class FolderCase(ServiceCase):
    """A folder."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.root = base / "up loads"
        self.other = base / "other" / "place"

    def service(self) -> Service:
        return files(self.base, path="up loads")

    def elsewhere(self) -> Service:
        return files(self.base, path=str(self.other))

    def broken(self) -> list[Service]:
        return [
            files(self.base, path="missing"),
            files(self.base, path="missing*"),
            files(self.base, path="missing/deep/*.txt"),
            files(self.base, path="/x", container="daytwo-no-such-container"),
            files(self.base, path="/x", ssh="daytwo.invalid"),
            files(self.base, volume="daytwo-no-such-volume"),
        ]

    def fill(self) -> None:
        self.root.mkdir()
        folders.fill(self.root)
        folders.add_attributes(self.root)

    def change(self) -> None:
        (self.root / "zero").write_text("no longer")
        (self.root / "sub" / "plain").unlink()
        (self.root / "new").write_text("new")

    def destroy(self) -> None:
        shutil.rmtree(self.root)

    def content(self, service: Service) -> object:
        assert isinstance(service, Files)
        return folders.look(Path(service.place.path(service.settings.path or "")))

    def leftovers(self) -> object:
        return folders.leftovers(self.root, self.other)


class TestFolder(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> FolderCase:
        (tmp_path / "base").mkdir()
        return FolderCase(tmp_path / "base")


class FolderThatStaysCase(FolderCase):
    """A folder in which entries are moved, which changes its own time."""

    def content(self, service: Service) -> object:
        found = super().content(service)
        assert isinstance(found, dict)
        mode, uid, gid, _, *rest = found[b"."]
        return found | {b".": (mode, uid, gid, *rest)}


class TestFolderThatMustStay(ServiceContract):
    """A folder that a container has mounted: entries are moved one by one."""

    @pytest.fixture
    def case(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderCase:
        monkeypatch.setattr("daytwo.core.fileset.site.renameable", lambda target, path, run: False)
        (tmp_path / "base").mkdir()
        return FolderThatStaysCase(tmp_path / "base")


class TestFolderWithoutExchange(ServiceContract):
    """A file system on which two folders cannot change places."""

    @pytest.fixture
    def case(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderCase:
        monkeypatch.setattr("daytwo.core.fileset.swap._renameat2", lambda one, other: False)
        (tmp_path / "base").mkdir()
        return FolderCase(tmp_path / "base")


class GlobCase(FolderCase):
    """Files by pattern."""

    def service(self) -> Service:
        return files(self.base, path="up loads/*.conf")

    def elsewhere(self) -> Service:
        return files(self.base, path=str(self.other / "*.conf"))

    def fill(self) -> None:
        self.root.mkdir()
        for name in ("a b.conf", "-x.conf", "new\nline.conf"):
            (self.root / name).write_text(name)
        (self.root / "folder.conf").mkdir()
        (self.root / "folder.conf" / "inside").write_text("in")
        (self.root / "bystander").write_text("not mine")

    def change(self) -> None:
        (self.root / "a b.conf").write_text("changed")

    def destroy(self) -> None:
        for path in self.root.glob("*.conf"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def content(self, service: Service) -> object:
        root = self.root if service.settings.path == "up loads/*.conf" else self.other
        return {name: about for name, about in folders.look(root).items() if b".conf" in name}


class TestGlob(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> FolderCase:
        (tmp_path / "base").mkdir()
        return GlobCase(tmp_path / "base")

    def test_bystanders_stay(self, case: GlobCase, run: Run, tmp_path: Path) -> None:
        case.fill()
        (component,) = case.service().components()
        source, _ = dump_to_file(component, run, tmp_path)
        component.stage(source, run).swap()
        assert (case.root / "bystander").read_text() == "not mine"


class FileCase(FolderCase):
    """One file."""

    def service(self) -> Service:
        return files(self.base, path="up loads/app 'x'.db")

    def elsewhere(self) -> Service:
        return files(self.base, path=str(self.other / "renamed.db"))

    def fill(self) -> None:
        self.root.mkdir()
        (self.root / "app 'x'.db").write_text("data")
        (self.root / "bystander").write_text("not mine")

    def change(self) -> None:
        (self.root / "app 'x'.db").write_text("other")

    def destroy(self) -> None:
        (self.root / "app 'x'.db").unlink()

    def content(self, service: Service) -> object:
        path = service.place.path(service.settings.path or "")
        return folders.entry(os.fsencode(path), {}, b"", True, True)


class TestOneFile(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> FolderCase:
        (tmp_path / "base").mkdir()
        return FileCase(tmp_path / "base")

    def test_a_link_to_a_file_is_followed(self, tmp_path: Path, run: Run) -> None:
        (tmp_path / "real").write_text("data")
        (tmp_path / "link").symlink_to("real")
        (component,) = files(tmp_path, path="link").components()
        source, _ = dump_to_file(component, run, tmp_path)
        (tmp_path / "real").write_text("other")
        component.stage(source, run).swap()
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_text() == "data"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    work = tmp_path / "run-work"
    work.mkdir()
    return Run("0123456789abcdef", work, timeout=120)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a few files."""
    root = tmp_path / "base" / "data"
    folders.fill_for_excludes(root)
    return root


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@contextlib.contextmanager
def mounted(point: Path, other: Path) -> Iterator[None]:
    """Another folder of the same file system, with a file in it, mounted on a new one."""
    point.mkdir()
    other.mkdir()
    (other / "inside").write_text("of the other")
    subprocess.run(["mount", "--bind", other, point], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", point], check=True)


def use_busybox(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have busybox's be the only tar there is."""
    (folder / "bin").mkdir()
    (folder / "bin" / "tar").symlink_to(require("busybox", package="busybox-static"))
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")


def dumped(service: Service, run: Run, folder: Path) -> tuple[Source, set[str]]:
    (component,) = service.components()
    source, _ = dump_to_file(component, run, folder)
    return source, {member.path for member in listing(source.chunks())}


@pytest.mark.parametrize(
    ("exclude", "gone"),
    folders.EXCLUDES,
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_excludes_mean_the_same_to_tar_and_to_a_scan(
    root: Path, run: Run, tmp_path: Path, exclude: list[str], gone: set[str]
) -> None:
    everything = {"", *(str(path.relative_to(root)) for path in root.rglob("*"))}
    service = files(root.parent, path="data", exclude=exclude)
    _, found = dumped(service, run, tmp_path)
    assert everything - found == gone
    with service.components()[0].dump(run) as dump:  # read by path
        counted = dump.facts()
    assert counted.counts["files"] == len([p for p in found if (root / p).is_file()])


@pytest.mark.parametrize("pattern", ["a\\*", "[", "a[b", "[]", "[!]", "[]a]", "[z-a]", "[a-]", "[[:alpha:]]", "[a/b]"])
def test_patterns_that_not_all_tools_understand_alike_are_refused(pattern: str, tmp_path: Path) -> None:
    for settings in ({"path": "data", "exclude": [pattern]}, {"path": f"data/*{pattern}"}):
        with pytest.raises(ValidationError) as caught:
            files(tmp_path, **settings)
        (error,) = caught.value.errors()
        assert pattern in error["msg"], "the message shows it"
        assert any(words in error["msg"] for words in ("understood", "from a later letter"))


@pytest.mark.parametrize(
    "pattern", ["", " ", ".", "./", "/", "//", "..", "../a", "a/..", "a/./b", "a/**/b", "**", "**/a/b"]
)
def test_patterns_that_are_no_path_from_the_folder_on_are_refused(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"from the folder on|not understood"):
        files(tmp_path, path="data", exclude=[pattern])


def test_a_path_is_no_pattern(tmp_path: Path) -> None:
    assert files(tmp_path, path="up\\loads").settings.path == "up\\loads"


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("*", {"a", "é", "^x", "b1"}),
        ("?", {"a", "é"}),
        ("??", {"^x", "b1"}),
        ("[^a]*", {"é", "^x", "b1"}),
        ("[!a]*", {"é", "^x", "b1"}),
        ("[à-ÿ]", {"é"}),
        (".*", {".hidden"}),
        ("[.]*", set()),
    ],
)
def test_a_path_pattern_means_what_it_means_in_a_shell_whatever_the_locale(
    tmp_path: Path, run: Run, pattern: str, taken: set[str]
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for name in ("a", "é", "^x", "b1", ".hidden"):
        (root / name).touch()
    service = files(tmp_path, path=f"data/{pattern}")
    assert {path.name for path in root.iterdir() if Choice((str(root / pattern),)).takes(path.name)} == taken
    if not taken:
        with pytest.raises(SourceError, match="nothing is at"), service.components()[0].dump(run):
            pass
        return
    _, found = dumped(service, run, tmp_path)
    assert found == taken


@root_only
@pytest.mark.parametrize("tar", ["gnu", "busybox"])
@pytest.mark.parametrize("path", ["data", "link", "data/*", "link/[cm]*"])
def test_one_file_system_leaves_out_what_is_mounted_whoever_reads_it(
    root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tar: str, path: str
) -> None:
    if tar == "busybox":
        use_busybox(tmp_path, monkeypatch)
    (root.parent / "link").symlink_to("data")
    with mounted(root / "c" / "mnt [1]", tmp_path / "other"):
        _, whole = dumped(files(root.parent, path=path), run, tmp_path)
        (tmp_path / "again").mkdir()
        _, found = dumped(files(root.parent, path=path, one_file_system=True), run, tmp_path / "again")
    assert whole - found == {"c/mnt [1]/inside"}


def test_one_file_system_is_left_to_tar_where_no_list_of_mounts_is(
    root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "mounts", lambda *place: ([], []))
    service = files(root.parent, path="data", one_file_system=True)
    _, found = dumped(service, run, tmp_path)
    assert "c/d" in found
    assert "--one-file-system" in gnu_dump("/", (), Choice(("/data",)), None).argv
    assert "--one-file-system" not in gnu_dump("/", (), Choice(("/data",)), ()).argv


def test_the_same_files_give_the_same_bytes(root: Path, run: Run, tmp_path: Path) -> None:
    first, _ = dumped(files(root.parent, path="data"), run, tmp_path)
    for path in root.rglob("*"):
        if path.is_file():
            path.read_bytes()
            path.chmod(path.stat().st_mode)  # alters the change time only
    again = tmp_path / "again"
    again.mkdir()
    second, _ = dumped(files(root.parent, path="data"), run, again)
    assert first.record.plain == second.record.plain


def test_what_restores_left_is_never_in_a_dump(root: Path, run: Run, tmp_path: Path) -> None:
    (root / ".daytwo-before-01234567").mkdir()
    (root / ".daytwo-before-01234567" / "old").touch()
    (root / "c" / "d.daytwo-new-01234567").touch()
    service = files(root.parent, path="data")
    _, found = dumped(service, run, tmp_path)
    assert not [path for path in found if "daytwo" in path]
    with service.components()[0].dump(run) as dump:
        assert isinstance(dump, Tree)
        assert dump.facts().counts["files"] == 8
    service = files(root.parent, path="data/*")
    _, found = dumped(service, run, tmp_path)
    assert not [path for path in found if "daytwo" in path]


class TestTree:
    """A folder on this machine, read by path."""

    def test_facts_of_a_scan_are_those_of_the_stream(self, tmp_path: Path, run: Run) -> None:
        root = tmp_path / "data"
        root.mkdir()
        folders.fill(root)
        for name in ("hard2", "sub/hard3"):
            (root / name).unlink()
        (component,) = files(tmp_path, path="data").components()
        time.sleep(0.05)  # the clock of change times is coarse; what was made before the dump must look like it
        with component.dump(run) as dump:
            by_path = dump.facts()
        with component.dump(run) as dump:
            for _ in dump.chunks():
                pass
            by_stream = dump.facts()
        assert by_path.counts == by_stream.counts
        assert by_path.contents == by_stream.contents
        assert by_path.source == by_stream.source
        assert by_path.warnings == ()

    def test_f14_a_scan_of_files_that_change_gives_no_counts_to_compare(self, root: Path, run: Run) -> None:
        (component,) = files(root.parent, path="data").components()
        with component.dump(run) as dump:
            time.sleep(0.05)
            (root / "grown").write_text("while being read")
            facts = dump.facts()
        assert facts.counts == {}
        assert "changed while the folder was read" in facts.warnings[0]

    @pytest.mark.parametrize("change", ["nothing", "hard link", "growth"])
    def test_counts_hold_for_who_reads_the_stream_and_who_reads_by_path(
        self, root: Path, run: Run, change: str
    ) -> None:
        if change == "hard link":
            (root / "h").hardlink_to(root / "a")
        (component,) = files(root.parent, path="data").components()
        time.sleep(0.05)  # the clock of change times is coarse; what was made before the dump must look like it
        with component.dump(run) as dump:
            assert isinstance(dump, Tree)
            assert dump.excludes, "restic asks for them when it begins"
            size = sum(len(chunk) for chunk in dump.chunks())
            if change == "growth":
                (root / "a").write_text("more by the time that restic comes to it")
            facts = dump.facts()
        assert size > 0
        assert facts.tools.keys() == {"tar"}
        expected = {"nothing": {"files": 8, "bytes": 45}, "hard link": {"files": 9}, "growth": {}}
        assert dict(facts.counts) == expected[change]

    def test_sockets_and_pipes_are_left_out_by_name(self, root: Path, run: Run, tmp_path: Path) -> None:
        os.mkfifo(root / "c" / "pi*pe")
        service = files(root.parent, path="data")
        with service.components()[0].dump(run) as dump:
            assert isinstance(dump, Tree)
            assert "/c/pi[*]pe" in dump.excludes
        (component,) = service.components()
        source, facts = dump_to_file(component, run, tmp_path)
        assert "c/pi*pe is a fifo; it is not in the dump" in facts.warnings
        component.stage(source, run).discard()

    def test_sockets_are_told_of(self, root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(root)  # a socket's path may not be long
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("sock")
            _, facts = dump_to_file(files(root.parent, path="data").components()[0], run, tmp_path)
        assert "sock is a socket; it is not in the dump" in facts.warnings

    def test_counts_hold_each_hard_linked_file_once(self, root: Path, run: Run, tmp_path: Path) -> None:
        (root / "h").hardlink_to(root / "a")
        _, facts = dump_to_file(files(root.parent, path="data").components()[0], run, tmp_path)
        assert facts.counts == {
            "files": 9,
            "bytes": sum(
                map(len, (b"logs/\xc3\xa9", "a", "b", "c/d", "c/e.log", "cache/x", "c/cache/y", "logs/1.log"))
            ),
        }


def test_an_empty_folder_is_told_of(tmp_path: Path, run: Run) -> None:
    (tmp_path / "data").mkdir()
    (component,) = files(tmp_path, path="data").components()
    source, facts = dump_to_file(component, run, tmp_path)
    assert "is empty" in facts.warnings[0]
    assert component.verify(source, run).counts == {"files": 0, "bytes": 0}


class TestF14:
    """Files that move while they are read."""

    def test_f14_vanished_and_changed_files_are_warnings_and_the_rest_is_whole(self, tmp_path: Path, run: Run) -> None:
        root = tmp_path / "data"
        for number in range(300):
            (root / f"{number % 10}").mkdir(parents=True, exist_ok=True)
            (root / f"{number % 10}" / f"f{number}").write_bytes(os.urandom(100_000))
        stop = threading.Event()

        def churn() -> None:
            turn = 0
            while not stop.is_set():
                turn += 1
                for path in sorted(root.rglob("f*"))[turn % 3 :: 3]:
                    try:
                        if turn % 2:
                            path.unlink()
                        else:
                            with path.open("ab") as file:
                                file.write(b"x" * 5000)
                    except FileNotFoundError:
                        pass
                for number in range(300):
                    path = root / f"{number % 10}" / f"f{number}"
                    if not path.exists():
                        path.write_bytes(os.urandom(50_000))

        thread = threading.Thread(target=churn)
        (component,) = files(tmp_path, path="data").components()
        thread.start()
        try:
            for attempt in range(20):
                folder = tmp_path / f"try{attempt}"
                folder.mkdir()
                source, facts = dump_to_file(component, run, folder)
                verified = component.verify(source, run)
                assert dict(verified.counts) == dict(facts.counts)
                if facts.warnings:
                    break
        finally:
            stop.set()
            thread.join()
        assert any("while it was read" in warning for warning in facts.warnings)
        staged = component.stage(source, run)
        assert dict(staged.counts) == dict(facts.counts)
        staged.discard()

    @pytest.mark.parametrize("how", ["vanish", "shrink", "grow"])
    def test_f14_each_way_a_file_moves(self, tmp_path: Path, run: Run, how: str) -> None:
        root = tmp_path / "data"
        (root / "z").mkdir(parents=True)
        (root / "a").write_bytes(os.urandom(20 << 20))
        (root / "z" / "victim").write_bytes(b"v" * (30 << 20))
        (component,) = files(tmp_path, path="data").components()
        with component.dump(run) as dump:
            chunks = dump.chunks()
            held = [next(chunks)]  # tar stands still in the first file: the pipe is full
            if how == "vanish":
                shutil.rmtree(root / "z")
            elif how == "grow":
                with (root / "a").open("ab") as file:
                    file.write(b"more")
            else:
                os.truncate(root / "a", 4 << 20)
            held += chunks
            facts = dump.facts()
        expected = {
            "vanish": "z vanished while it was read",
            "shrink": "a shrank while it was read",
            "grow": "a changed while it was read",
        }[how]
        assert any(warning.startswith(expected) for warning in facts.warnings), facts.warnings
        counted = summary(held)
        assert facts.counts == {"files": counted.files, "bytes": counted.bytes}

    def test_f01_what_may_not_be_read_is_an_error(self) -> None:
        end = "tar: Exiting with failure status due to previous errors\n"
        gone = "tar: ./x: File removed before we read it\n"
        for line in (
            "tar: ./s: Cannot open: Permission denied",
            "tar: ./s: Read error at byte 0, while reading 10 bytes: Input/output error",
            "tar: .: Cannot stat: No such file or directory",
            "something else",
        ):
            said = understand(gone + line + "\n" + end, cut=False)
            assert said.failures == (line,)
            assert said.warnings == ("x vanished while it was read; it is not in the dump",)


class TestRestore:
    def test_kept_data_is_whole_and_the_drop_command_drops_it(self, root: Path, run: Run, tmp_path: Path) -> None:
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        (root / "a").write_text("live")
        swapped = component.stage(source, run).swap()
        assert (root / "a").read_text() == "a"
        assert (Path(swapped.kept) / "a").read_text() == "live"
        subprocess.run(swapped.drop, shell=True, check=True)
        assert not Path(swapped.kept).exists()
        assert folders.leftovers(root) == []

    @pytest.mark.parametrize("inside", [False, True], ids=["beside", "inside"])
    def test_what_the_backup_leaves_out_stays_as_it_is(
        self, root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
    ) -> None:
        if inside:
            monkeypatch.setattr(sites, "renameable", lambda *place: False)
        service = files(root.parent, path="data", exclude=["/a", "*.log", "/c/d", "/n o"])
        (component,) = service.components()
        source, _ = dump_to_file(component, run, tmp_path)
        staged = component.stage(source, run)
        for name in ("a", "b", "c/d", "logs/1.log", "n o"):
            (root / name).write_text("live")
        inode = (root / "a").stat().st_ino
        swapped = staged.swap()
        assert {n: (root / n).read_text() for n in ("a", "b", "c/d", "logs/1.log", "n o")} == {
            "a": "live", "b": "b", "c/d": "live", "logs/1.log": "live", "n o": "live"
        }  # fmt: skip
        assert (root / "a").stat().st_ino == inode, "who has it open goes on with it"
        assert (Path(swapped.kept) / "b").read_text() == "live"
        assert not (Path(swapped.kept) / "a").exists()
        assert not (Path(swapped.kept) / "c" / "d").exists()

    @root_only
    @pytest.mark.parametrize(("at", "only"), [("c/mnt", ()), ("c/mnt", ("c",)), ("mnt", ()), ("mnt", ("mnt",))])
    def test_what_is_mounted_inside_is_never_moved_away(
        self, root: Path, run: Run, tmp_path: Path, at: str, only: tuple[str, ...]
    ) -> None:
        with mounted(root / at, tmp_path / "other"):
            (component,) = files(root.parent, path="data").components()
            source, _ = dump_to_file(component, run, tmp_path)
            before = folders.look(root)
            with pytest.raises(SourceError, match="is mounted inside"):
                component.stage(source, run, only=only)
            assert folders.look(root) == before
            assert folders.leftovers(root) == []
            swapped = component.stage(source, run, only=("logs",)).swap()
            assert (root / at / "inside").read_text() == "of the other"
            subprocess.run(swapped.drop, shell=True, check=True)

    @root_only
    def test_what_is_mounted_while_it_is_staged_is_not_moved_away(self, root: Path, run: Run, tmp_path: Path) -> None:
        (component,) = files(root.parent, path="data/*").components()
        source, _ = dump_to_file(component, run, tmp_path)
        staged = component.stage(source, run)
        with mounted(root / "c" / "mnt", tmp_path / "other"):
            with pytest.raises(SourceError, match="is mounted inside"):
                staged.swap()
            staged.discard()
            with pytest.raises(SourceError, match="is mounted inside"):
                component.stage(source, run)
        assert folders.leftovers(root) == []

    @root_only
    def test_with_one_file_system_what_is_mounted_inside_stays(self, root: Path, run: Run, tmp_path: Path) -> None:
        with mounted(root / "mnt", tmp_path / "other"):
            (component,) = files(root.parent, path="data", one_file_system=True).components()
            source, _ = dump_to_file(component, run, tmp_path)
            (root / "a").write_text("live")
            swapped = component.stage(source, run).swap()
            assert (root / "a").read_text() == "a"
            assert (root / "mnt" / "inside").read_text() == "of the other"
            subprocess.run(swapped.drop, shell=True, check=True)
            assert folders.leftovers(root) == []

    @pytest.mark.parametrize("mounted", [False, True])
    def test_only_some_paths(
        self, root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounted: bool
    ) -> None:
        (root / "c" / "hard").hardlink_to(root / "a")
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        for name in ("a", "b", "c/d"):
            (root / name).write_text("live")
        (root / "c" / "new").write_text("live")
        staged = component.stage(source, run, only=("c", "logs/1.log"))
        swapped = staged.swap()
        assert (root / "c" / "d").read_text() == "c/d"
        assert (root / "c" / "hard").read_text() == "a", "what a hard link needs is fetched from outside"
        assert not (root / "c" / "new").exists()
        assert (root / "a").read_text() == "live"
        assert (root / "b").read_text() == "live"
        assert (Path(swapped.kept) / "c" / "new").read_text() == "live"
        assert not list(root.glob(".daytwo-new-*"))

    def test_only_what_is_not_there_is_refused(self, root: Path, run: Run, tmp_path: Path) -> None:
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        with pytest.raises(UsageError, match="nope"):
            component.stage(source, run, only=("c", "nope"))
        assert folders.leftovers(root) == []

    def test_extract(self, root: Path, run: Run, tmp_path: Path) -> None:
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        assert b"".join(component.extract(source, "c/d", run)) == b"c/d"
        assert {m.path for m in listing(component.extract(source, "c", run))} == {
            "c",
            "c/d",
            "c/e.log",
            "c/cache",
            "c/cache/y",
        }
        with pytest.raises(UsageError):
            list(component.extract(source, "nope", run))

    def test_verify_compares_with_what_was_counted(self, root: Path, run: Run, tmp_path: Path) -> None:
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        assert dict(component.verify(source, run).counts) == dict(source.record.counts)
        counts = {**source.record.counts, "files": 9}
        other = source_of(tmp_path / "uploads.tar", source.record.model_copy(update={"counts": counts}), tmp_path)
        with pytest.raises(IntegrityError, match="files: 8 instead of 9"):
            component.verify(other, run)

    @root_only
    def test_busybox_gives_files_to_the_numbers_of_their_owners_as_gnu_tar_does(
        self, root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use_busybox(tmp_path, monkeypatch)
        os.chown(root / "a", 12345, 23456)
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        path = tmp_path / "uploads.tar"
        info = tarfile.TarInfo("a")
        info.uid, info.gid, info.uname, info.gname = 12345, 23456, "daemon", "daemon"
        with tarfile.open(path, "w") as tar:
            tar.addfile(info)
        crafted = source_of(path, source.record.model_copy(update={"plain": None, "counts": {}}), tmp_path / "w")
        component.stage(crafted, run, only=("a",)).swap()
        assert ((root / "a").stat().st_uid, (root / "a").stat().st_gid) == (12345, 23456)

    @root_only
    def test_busybox_gives_permissions_back_to_another_user_than_root_as_gnu_tar_does(
        self, root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (root / "a").chmod(0o666)
        (root / "c").chmod(0o777)
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        use_busybox(tmp_path, monkeypatch)
        real = (tmp_path / "bin" / "tar").rename(tmp_path / "bin" / "busybox")
        user = (
            "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override"
        )
        (tmp_path / "bin" / "tar").write_text(f'#!/bin/sh\nexec {user} {real} tar "$@"\n')
        (tmp_path / "bin" / "tar").chmod(0o755)
        old = os.umask(0o022)
        try:
            component.stage(source, run).swap()
        finally:
            os.umask(old)
        assert ((root / "a").stat().st_uid, (root / "a").stat().st_mode & 0o7777) == (65534, 0o666)
        assert (root / "c").stat().st_mode & 0o7777 == 0o777

    def test_f10_a_hostile_archive_is_refused_and_nothing_is_left(self, root: Path, run: Run, tmp_path: Path) -> None:
        import io

        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            link = tarfile.TarInfo("x")
            link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
            tar.addfile(link)
            pwned = tarfile.TarInfo("x/pwned")
            tar.addfile(pwned)
        path = tmp_path / "uploads.tar"
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        path.write_bytes(out.getvalue())
        crafted = source_of(path, source.record.model_copy(update={"plain": None}), tmp_path / "w")
        before = folders.look(root)
        for act in (component.stage, component.verify):
            with pytest.raises(HostileArchiveError):
                act(crafted, run)
        assert folders.look(root) == before
        assert folders.leftovers(root) == []
        assert not (tmp_path / "pwned").exists()

    def test_f02_what_came_out_is_counted(
        self, root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        real = Path(shutil.which("tar") or "")
        (tmp_path / "bin").mkdir()
        lossy = tmp_path / "bin" / "tar"
        lossy.write_text(
            f'#!/bin/sh\ncase "$*" in *--extract*) exec {real} "$@" --exclude=e.log ;; esac\nexec {real} "$@"\n'
        )
        lossy.chmod(0o755)
        monkeypatch.setenv("PATH", f"{lossy.parent}:{os.environ['PATH']}")
        with pytest.raises(IntegrityError, match="7 files"):
            component.stage(source, run)
        assert folders.leftovers(root) == []

    def test_f05_too_little_disk_is_an_obstacle(self, root: Path, run: Run, tmp_path: Path) -> None:
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        assert source.record.plain
        huge = source.record.model_copy(update={"plain": source.record.plain.model_copy(update={"size": 1 << 60})})
        (text,) = component.obstacles(huge, run)
        assert "make room" in text

    def test_f18_another_folder_is_another_place(self, root: Path, run: Run) -> None:
        ids = {files(root.parent, path=path).components()[0].identity(run).id for path in ("data", "other", "data/*")}
        assert len(ids) == 3

    def test_identity_says_what_is_there(self, root: Path, run: Run) -> None:
        assert files(root.parent, path="data").components()[0].identity(run).holds.startswith("8 files")
        assert files(root.parent, path="none").components()[0].identity(run).holds == "nothing"
        assert files(root.parent, path="none/*").components()[0].identity(run).holds == "nothing"
        assert files(root.parent, path="data/[ab]").components()[0].identity(run).holds.startswith("2 files")
        (root.parent / "empty").mkdir()
        assert files(root.parent, path="empty").components()[0].identity(run).holds == "nothing"


class TestInterrupted:
    """A restore that is killed while it puts data in use."""

    ENTRIES = {"whole": None, "listed": ("a", "c", "gone", "only-new")}

    def _stage(self, root: Path, entries: tuple[str, ...] | None, inside: bool = True) -> Plan:
        keep = ("b", "c/e.log", "logs") if entries is None else ()
        plan = Plan(LOCAL, str(root), "01234567", inside=inside, entries=entries, keep=keep)
        new = Path(plan.new)
        shutil.copytree(root, new)
        for name in ("a", "c/d"):
            (new / name).write_text("restored")
        (new / "only-new").write_text("restored")
        return plan

    @pytest.mark.parametrize(
        ("entries", "inside"), [(ENTRIES["whole"], True), (ENTRIES["listed"], True), (None, False)],
        ids=["whole", "listed", "beside"],
    )  # fmt: skip
    @pytest.mark.parametrize("way", ["finish", "undo"])
    def test_a_swap_killed_at_any_rename_can_be_finished_or_undone(
        self, root: Path, tmp_path: Path, entries: tuple[str, ...] | None, inside: bool, way: str
    ) -> None:
        real = shutil.which("mv")
        (tmp_path / "bin").mkdir()
        fake = tmp_path / "bin" / "mv"
        fake.write_text(
            f'#!/bin/sh\nn=$(cat {tmp_path}/left)\n[ "$n" -gt 0 ] || kill -9 $PPID\n'
            f'echo $((n - 1)) >{tmp_path}/left\nexec {real} "$@"\n'
        )
        fake.chmod(0o755)
        killed = 0
        for allowed in range(40):
            case = tmp_path / f"case{allowed}" / "data"
            shutil.copytree(root, case)
            plan = self._stage(case, entries, inside)
            for name in plan.keep:  # as it is now, while older ones are in the archive
                for file in (case / name, *(case / name).glob("*")):
                    if file.is_file():
                        file.write_text("kept")
            before = {p: (case / p).read_text() for p in map(str, _files(case)) if ".daytwo-" not in p}
            journal = Path(plan.journal)
            journal.write_text(plan.script())
            (tmp_path / "left").write_text(str(allowed))
            env = os.environ | {"PATH": f"{fake.parent}:{os.environ['PATH']}"}
            done = subprocess.run(["sh", journal, "finish"], env=env, capture_output=True, check=False)
            if done.returncode == 0:
                break
            assert done.returncode == -9, done.stderr
            killed += 1
            subprocess.run(["sh", journal, way], check=True, capture_output=True)
            assert not journal.exists()
            now = {p: (case / p).read_text() for p in map(str, _files(case)) if ".daytwo-" not in p}
            if way == "undo":
                assert now == before
            else:
                assert now["a"] == now["c/d"] == now["only-new"] == "restored"
                assert now["b"] == ("kept" if plan.keep else "b")
                assert {now[p] for p in before if plan.keep and p.startswith(("c/e.log", "logs/"))} <= {"kept"}
                assert (Path(plan.old) / "a").read_text() == "a"
                assert not Path(plan.new).exists()
        assert killed >= 4

    def test_it_is_told_of_and_refused(self, root: Path, run: Run, tmp_path: Path) -> None:
        (component,) = files(root.parent, path="data").components()
        source, _ = dump_to_file(component, run, tmp_path)
        plan = Plan(LOCAL, str(root), mark_of("89abcdef01234567", "uploads.tar"), inside=True)
        Path(plan.journal).write_text(plan.script())
        with pytest.raises(SourceError, match="undo"):
            dump_to_file(component, run, tmp_path)
        assert "finish" in component.obstacles(source.record, run)[0]
        with pytest.raises(SourceError):
            component.stage(source, run)
        assert component.sweep("89abcdef01234567", run) == ()
        assert run.warnings and Path(plan.journal).exists()

    @pytest.mark.parametrize("entries", [None, ("a",)])
    def test_a_swap_that_fails_goes_back_by_itself(
        self, root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: tuple[str, ...] | None
    ) -> None:
        from daytwo.core.fileset.swap import swap

        before = folders.look(root)
        plan = self._stage(root, entries)
        real = shutil.which("mv")
        (tmp_path / "bin").mkdir()
        fake = tmp_path / "bin" / "mv"
        fake.write_text(f'#!/bin/sh\ncase "$*" in *-new-*/a\\ *) echo no >&2; exit 1 ;; esac\nexec {real} "$@"\n')
        fake.chmod(0o755)
        (Path(plan.new) / "a").unlink()
        (Path(plan.new) / "a").mkdir()  # a folder has no way but mv
        monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
        with pytest.raises(DaytwoError):
            swap(plan, run)
        after = folders.look(root)
        assert {k: v[4] for k, v in after.items()} == {k: v[4] for k, v in before.items()}
        assert not Path(plan.journal).exists()

    @pytest.mark.parametrize("path", ["data", "link"])
    def test_sweep_removes_what_a_dead_run_staged(self, root: Path, run: Run, path: str) -> None:
        (root.parent / "link").symlink_to("data")
        (component,) = files(root.parent, path=path).components()
        mark = mark_of("89abcdef01234567", "uploads.tar")
        beside = root.parent / f"data.daytwo-new-{mark}"
        inside = root / f".daytwo-new-{mark}"
        beside.mkdir()
        inside.mkdir()
        assert len(component.sweep("89abcdef01234567", run)) == 2
        assert folders.leftovers(root) == []
        assert component.sweep("89abcdef01234567", run) == ()


def _files(root: Path) -> Iterator[Path]:
    return (path.relative_to(root) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "settings",
    [{}, {"path": "a", "volume": "b"}, {"path": ""}, {"path": "a/**/b"}, {"path": "rel", "container": "c"},
     {"path": "rel", "ssh": "h"}, {"volume": "v", "container": "c"}],
    ids=str,
)  # fmt: skip
def test_settings_that_make_no_sense(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        FilesSettings.model_validate({"kind": "files", **settings})
