"""Files in containers, in volumes and on an SSH host."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.core.errors import HostileArchiveError, SourceError, UnreachableError
from daytwo.core.fileset.volume import _in_a_container
from daytwo.core.run import Run
from daytwo.core.service import Component, Place, Service, Tree
from daytwo.core.tarball import listing
from daytwo.core.target import LOCAL, Container, Ssh
from daytwo.services.env import Env, EnvSettings
from daytwo.services.files import Files, FilesSettings
from tests.contract.services import ServiceContract, dump_to_file
from tests.parts.docker import DockerEngine
from tests.parts.process import wait_until
from tests.parts.ssh import SshHost
from tests.real.services.boxes import bare_image, busybox_image, volume
from tests.services import folders
from tests.services.test_files import FolderCase


def files(path: str | None = None, **settings: object) -> Files:
    values = {"kind": "files", **settings} | ({"path": path} if path else {})
    return Files("uploads", FilesSettings.model_validate(values), Place(Path("/"), "app", "test"))


class SshCase(FolderCase):
    """A folder on an SSH host, which is this machine."""

    def __init__(self, base: Path, host: SshHost) -> None:
        super().__init__(base)
        self.host = host

    def over_ssh(self, path: Path) -> Service:
        service = files(str(path))
        service.target = Ssh(self.host.name, str(self.host.config))
        return service

    def service(self) -> Service:
        return self.over_ssh(self.root)

    def elsewhere(self) -> Service:
        return self.over_ssh(self.other)

    def broken(self) -> list[Service]:
        unknown = files("/x")
        unknown.target = Ssh("nobody-knows-it", str(self.host.config))
        return [self.over_ssh(self.base / "missing"), self.over_ssh(self.base / "missing*"), unknown]


class TestFolderOnSshHost(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path, ssh_host: SshHost) -> SshCase:
        (tmp_path / "base").mkdir()
        return SshCase(tmp_path / "base", ssh_host)


@pytest.fixture
def engine(docker: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> DockerEngine:
    """Docker, as the docker command of this process finds it."""
    for name, value in docker.env.items():
        monkeypatch.setenv(name, value)
    return docker


class ContainerCase(FolderCase):
    """A folder inside a container; the folder above it is mounted there, so that the test can look into it."""

    def __init__(self, base: Path, container: str) -> None:
        super().__init__(base)
        self.container = container

    def inside(self, path: str) -> Service:
        return files(f"/mnt/{path}", container=self.container)

    def service(self) -> Service:
        return self.inside("up loads")

    def elsewhere(self) -> Service:
        return self.inside("other/place")

    def broken(self) -> list[Service]:
        return [self.inside("missing"), self.inside("missing*"), files("/x", container="daytwo-no-such-container")]

    def content(self, service: Service) -> object:
        path = service.settings.path
        return folders.look(self.base / path.removeprefix("/mnt/"))


class TestFolderInContainer(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path, engine: DockerEngine) -> Iterator[ContainerCase]:
        base = tmp_path / "base"
        base.mkdir()
        with engine.container("--volume", f"{base}:/mnt") as name:
            yield ContainerCase(base, name)


class BusyboxCase(ContainerCase):
    """The same with busybox, whose tar keeps less: no extended attributes, no times of folders, no owner of links."""

    def fill(self) -> None:
        super().fill()
        with (self.root / "large-sparse").open("wb") as file:
            file.truncate(20_000_000)

    def content(self, service: Service) -> object:
        path = service.settings.path
        found = folders.look(self.base / path.removeprefix("/mnt/"), attributes=False, fractions=False)
        kept = {}
        for name, about in found.items():
            mode, uid, gid, changed, *rest = about
            is_link, is_file = stat.S_ISLNK(int(str(mode))), stat.S_ISREG(int(str(mode)))
            kept[name] = (mode, *(() if is_link else (uid, gid)), changed if is_file else None, *rest)
        return kept


class TestFolderInBusybox(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path, engine: DockerEngine) -> Iterator[ContainerCase]:
        base = tmp_path / "base"
        base.mkdir()
        with engine.container("--volume", f"{base}:/mnt", image=busybox_image(engine)) as name:
            yield BusyboxCase(base, name)

    def test_a_dump_of_gnu_tar_is_restored_with_busybox(self, case: BusyboxCase, run: Run, tmp_path: Path) -> None:
        case.fill()
        before = case.content(case.service())
        source, facts = dump_to_file(files(str(case.root)).components()[0], run, tmp_path)
        (component,) = case.elsewhere().components()
        staged = component.stage(source, run)
        assert dict(staged.counts) == dict(facts.counts)
        staged.swap()
        assert case.content(case.elsewhere()) == before


class MountPointCase(ContainerCase):
    """The folder is itself what is mounted, and cannot be renamed."""

    def service(self) -> Service:
        return files("/data", container=self.container)

    def elsewhere(self) -> Service:
        return files("/other", container=self.container)

    def fill(self) -> None:
        folders.fill(self.root)

    def destroy(self) -> None:
        for path in self.root.iterdir():
            path.unlink() if path.is_symlink() or not path.is_dir() else shutil.rmtree(path)

    def content(self, service: Service) -> object:
        found = folders.look(self.root if service.settings.path == "/data" else self.other)
        mode, uid, gid, _, *rest = found[b"."]
        return found | {b".": (mode, uid, gid, *rest)}


class TestMountPointInContainer(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path, engine: DockerEngine) -> Iterator[ContainerCase]:
        case = MountPointCase(tmp_path / "base", "")
        case.root.mkdir(parents=True)
        case.other.mkdir(parents=True)
        with engine.container("--volume", f"{case.root}:/data", "--volume", f"{case.other}:/other") as case.container:
            yield case


class TestMountPointInBusybox(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path, engine: DockerEngine) -> Iterator[ContainerCase]:
        class Case(MountPointCase):
            def content(self, service: Service) -> object:
                found = folders.look(
                    self.root if service.settings.path == "/data" else self.other,
                    attributes=False,
                    fractions=False,
                )
                return {name: (about[0], *about[4:]) for name, about in found.items()}

        case = Case(tmp_path / "base", "")
        case.root.mkdir(parents=True)
        case.other.mkdir(parents=True)
        mounts = ("--volume", f"{case.root}:/data", "--volume", f"{case.other}:/other")
        with engine.container(*mounts, image=busybox_image(engine)) as case.container:
            yield case


@pytest.fixture
def run(tmp_path: Path) -> Run:
    work = tmp_path / "run-work"
    work.mkdir()
    return Run("0123456789abcdef", work, timeout=240)


FILL = "mkdir -p /data/sub && echo one >/data/a && echo two >/data/sub/b && ln /data/a /data/h && echo log >/data/x.log"


class TestDockerCp:
    """Containers that do not run, or have no tar."""

    def test_a_stopped_container_is_read_and_excludes_are_honoured(
        self, engine: DockerEngine, run: Run, tmp_path: Path
    ) -> None:
        with engine.container() as name:
            engine.run("exec", name, "sh", "-c", FILL)
            engine.run("stop", "--time", "1", name)
            (component,) = files("/data", container=name, exclude=["*.log"]).components()
            source, facts = dump_to_file(component, run, tmp_path)
            paths = {member.path for member in listing(source.chunks())}
            assert paths == {"", "a", "h", "sub", "sub/b"}
            assert facts.tools == {"tar": "docker cp"}
            assert "not running" in component.obstacles(source.record, run)[0]
            engine.run("start", name)
            engine.run("exec", name, "sh", "-c", "rm -r /data/sub; echo live >/data/a")
            assert component.obstacles(source.record, run) == ()
            component.stage(source, run).swap()
            assert engine.run("exec", name, "cat", "/data/a", "/data/h", "/data/sub/b").stdout == "one\none\ntwo\n"

    def test_one_file_and_a_pattern(self, engine: DockerEngine, run: Run, tmp_path: Path) -> None:
        with engine.container() as name:
            engine.run("exec", name, "sh", "-c", FILL)
            engine.run("stop", "--time", "1", name)
            for path, expected in (("/data/a", {"a"}), ("/data/*.log", {"x.log"}), ("/data/s*", {"sub", "sub/b"})):
                source, _ = dump_to_file(files(path, container=name).components()[0], run, tmp_path)
                assert {member.path for member in listing(source.chunks())} == expected, path
            for path in ("/data/none", "/data/*.none", "/none/*"):
                with pytest.raises((SourceError, Exception)) as caught:
                    dump_to_file(files(path, container=name).components()[0], run, tmp_path)
                assert "daytwo" in type(caught.value).__module__

    def test_f01_every_path_must_be_there_and_links_to_secrets_are_not_taken_for_them(
        self, engine: DockerEngine, run: Run, tmp_path: Path
    ) -> None:
        def env(*paths: str) -> Component:
            settings = EnvSettings(kind="env", paths=paths, container=name)
            return Env("env", settings, Place(tmp_path, "app", "test")).components()[0]

        with engine.container() as name:
            engine.run("exec", name, "sh", "-c", f"{FILL}; touch /data/.env; ln -s /data/a /data/link")
            engine.run("stop", "--time", "1", name)
            source, _ = dump_to_file(env("/data/[ab]", "/data/.e*"), run, tmp_path)
            assert {member.path for member in listing(source.chunks())} == {"a", ".env"}
            with pytest.raises(SourceError, match="nothing is at /data/gone"):
                dump_to_file(env("/data/a", "/data/gone"), run, tmp_path)
            with pytest.raises(SourceError, match="link is a link"):
                dump_to_file(env("/data/a", "/data/link"), run, tmp_path)

    def test_what_is_mounted_inside_is_left_out_with_one_file_system(
        self, engine: DockerEngine, run: Run, tmp_path: Path
    ) -> None:
        (tmp_path / "cache").mkdir()
        with engine.container("--volume", f"{tmp_path / 'cache'}:/data/cache") as name:
            engine.run("exec", name, "sh", "-c", f"{FILL}; touch /data/cache/x")
            engine.run("stop", "--time", "1", name)
            found = []
            for only in (False, True):
                source, _ = dump_to_file(
                    files("/data", container=name, one_file_system=only).components()[0], run, tmp_path
                )
                found.append({member.path for member in listing(source.chunks())})
            assert found[0] - found[1] == {"cache/x"}

    def test_a_hard_link_to_what_is_excluded_is_told_of(self, engine: DockerEngine, run: Run, tmp_path: Path) -> None:
        with engine.container() as name:
            engine.run("exec", name, "sh", "-c", FILL)
            engine.run("stop", "--time", "1", name)
            (component,) = files("/data", container=name, exclude=["a"]).components()
            _, facts = dump_to_file(component, run, tmp_path)
            assert "h is not in the dump: it is a hard link" in " ".join(facts.warnings)

    def test_a_container_without_a_shell(self, engine: DockerEngine, run: Run, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "a").write_text("one")
        mount = ("--volume", f"{tmp_path}/data:/data")
        with engine.container(*mount, image=bare_image(engine), command=("/busybox", "sleep", "600")) as name:
            (component,) = files("/data", container=name).components()
            source, facts = dump_to_file(component, run, tmp_path)
            assert facts.counts == {"files": 1, "bytes": 3}
            assert "no shell" in component.obstacles(source.record, run)[0]
            assert component.identity(run).holds == "unknown"

    def test_no_such_container(self, engine: DockerEngine, run: Run, tmp_path: Path) -> None:
        with pytest.raises(UnreachableError, match="no such container"):
            dump_to_file(files("/data", container="daytwo-none").components()[0], run, tmp_path)


class TestVolume:
    def test_a_volume_is_read_by_path_and_its_container_sees_the_restored_data(
        self, engine: DockerEngine, run: Run, tmp_path: Path
    ) -> None:
        with volume(engine) as name, engine.container("--volume", f"{name}:/data") as container:
            engine.run("exec", container, "sh", "-c", FILL)
            (component,) = files(volume=name).components()
            with component.dump(run) as dump:
                assert isinstance(dump, Tree)
            source, facts = dump_to_file(component, run, tmp_path)
            assert name in facts.source.label
            engine.run("exec", container, "sh", "-c", "rm -r /data/sub; echo live >/data/a")
            component.stage(source, run).swap()
            assert engine.run("exec", container, "cat", "/data/a", "/data/sub/b").stdout == "one\ntwo\n"

    def test_through_a_container_where_its_folder_is_closed(self, engine: DockerEngine, run: Run) -> None:
        with volume(engine) as name:
            with pytest.raises(SourceError, match="no container"):
                _in_a_container(name, LOCAL, run)
            with engine.container("--volume", f"{name}:/some/where") as container:
                target, path = _in_a_container(name, LOCAL, run)
                assert path == "/some/where"
                assert isinstance(target, Container)
                assert engine.run("inspect", "--format", "{{.Id}}", target.name).stdout.strip() == container

    def test_no_such_volume(self, engine: DockerEngine, run: Run, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="there is no volume"):
            dump_to_file(files(volume="daytwo-none").components()[0], run, tmp_path)


def test_a_folder_that_a_container_has_mounted_stays_the_same_folder(
    engine: DockerEngine, run: Run, tmp_path: Path
) -> None:
    data = tmp_path / "base" / "data"
    data.mkdir(parents=True)
    (data / "a").write_text("one")
    with engine.container("--volume", f"{data}:/data") as container:
        (component,) = files(str(data)).components()
        source, _ = dump_to_file(component, run, tmp_path)
        (data / "a").write_text("live")
        component.stage(source, run).swap()
        assert engine.run("exec", container, "cat", "/data/a").stdout == "one"
    swapped = component.stage(source, Run("fedcba9876543210", run.work)).swap()
    assert Path(swapped.kept).parent == data.parent, "mounted nowhere, it is replaced as a whole"


def test_a_file_that_is_mounted_by_itself(engine: DockerEngine, run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    with engine.container("--volume", f"{tmp_path}/.env:/app/.env") as container:
        settings = EnvSettings.model_validate({"kind": "env", "paths": ["/app/.env"], "container": container})
        (component,) = Env("env", settings, Place(Path("/"), "app", "test")).components()
        source, _ = dump_to_file(component, run, tmp_path)
        (tmp_path / ".env").write_text("A=live\n")
        swapped = component.stage(source, run).swap()
        assert engine.run("exec", container, "cat", "/app/.env").stdout == "A=1\n"
        assert (tmp_path / ".env").read_text() == "A=1\n"
        assert engine.run("exec", container, "cat", f"{swapped.kept}/.env").stdout == "A=live\n"


def test_f01_what_may_not_be_read_is_an_error(engine: DockerEngine, run: Run, tmp_path: Path) -> None:
    for image in (None, busybox_image(engine)):
        with engine.container(image=image) as name:
            engine.run("exec", name, "sh", "-c", f"{FILL}; chmod 600 /data/sub/b; chmod 755 /data /data/sub")
            service = files("/data", container=name, container_user="65534")
            with pytest.raises(SourceError, match="may be read"):
                dump_to_file(service.components()[0], run, tmp_path)
            source, _ = dump_to_file(files("/data", container=name).components()[0], run, tmp_path)
            assert "may not be written" in service.components()[0].obstacles(source.record, run)[0]


def test_f13_a_dump_that_is_given_up_leaves_no_tar_in_the_container(engine: DockerEngine, run: Run) -> None:
    with engine.container() as name:
        engine.run("exec", name, "sh", "-c", "mkdir /data; dd if=/dev/zero of=/data/a bs=1M count=64 2>/dev/null")
        with files("/data", container=name).components()[0].dump(run) as dump:
            chunks = dump.chunks()
            next(chunks)
            assert "tar --create" in engine.run("exec", name, "ps", "-eo", "args").stdout
            del chunks
        wait_until(
            lambda: "tar --create" not in engine.run("exec", name, "ps", "-eo", "args").stdout,
            what="tar has ended",
            seconds=20,
        )


def test_f10_a_hostile_archive_is_refused_in_a_container_too(engine: DockerEngine, run: Run, tmp_path: Path) -> None:
    import io
    import tarfile

    from tests.contract.services import source_of

    with engine.container() as name:
        engine.run("exec", name, "sh", "-c", FILL)
        (component,) = files("/data", container=name).components()
        source, _ = dump_to_file(component, run, tmp_path)
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("fine"))
            tar.addfile(tarfile.TarInfo("../../pwned"))
        (tmp_path / "x.tar").write_bytes(out.getvalue())
        record = source.record.model_copy(update={"plain": None})
        with pytest.raises(HostileArchiveError):
            component.stage(source_of(tmp_path / "x.tar", record, tmp_path / "w"), run)
        found = engine.run("exec", name, "find", "/", "-xdev", "-name", "*daytwo*", "-o", "-name", "pwned").stdout
        assert found == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_one_file_system_leaves_out_what_is_mounted_inside(engine: DockerEngine, run: Run, tmp_path: Path) -> None:
    with engine.container("--tmpfs", "/data/cache") as name:
        engine.run("exec", name, "sh", "-c", f"{FILL}; touch /data/cache/x")
        source, _ = dump_to_file(files("/data", container=name, one_file_system=True).components()[0], run, tmp_path)
        paths = {member.path for member in listing(source.chunks())}
        assert "cache" in paths
        assert "cache/x" not in paths
