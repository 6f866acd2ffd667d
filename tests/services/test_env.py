"""Kind `env` on this machine."""

from pathlib import Path

import pytest

from daytwo.core.errors import SourceError
from daytwo.core.run import Run
from daytwo.core.service import Place, Service
from daytwo.core.tarball import listing
from daytwo.services.env import Env, EnvSettings
from tests.contract.services import ServiceCase, ServiceContract, dump_to_file
from tests.services import folders


def env(folder: Path, *paths: str, **settings: object) -> Env:
    """The service, as configured by a file in `folder`."""
    return Env(
        "env", EnvSettings.model_validate({"kind": "env", "paths": paths, **settings}), Place(folder, "app", "test")
    )


class EnvCase(ServiceCase):
    """An environment file and a folder of secrets."""

    secrets = ("very-secret-value",)

    def __init__(self, base: Path) -> None:
        self.base = base
        self.root, self.other = base / "app", base / "other"

    def service(self) -> Service:
        return env(self.base, "app/.env", "app/secrets/*.key")

    def elsewhere(self) -> Service:
        return env(self.base, "other/.env", "other/secrets/*.key")

    def broken(self) -> list[Service]:
        return [
            env(self.base, "app/.env", "app/missing"),
            env(self.base, "app/.env", "app/*.missing"),
            env(self.base, "/x", container="daytwo-no-such-container"),
        ]

    def fill(self) -> None:
        (self.root / "secrets").mkdir(parents=True)
        (self.root / ".env").write_text("PASSWORD=very-secret-value\n")
        (self.root / ".env").chmod(0o600)
        for name in ("one.key", "two words.key"):
            (self.root / "secrets" / name).write_text(name)
        (self.root / "compose.yaml").write_text("not mine")

    def change(self) -> None:
        (self.root / ".env").write_text("PASSWORD=other\n")

    def destroy(self) -> None:
        (self.root / ".env").unlink()
        (self.root / "secrets" / "one.key").unlink()

    def content(self, service: Service) -> object:
        root = self.other if "other/.env" in service.settings.paths else self.root
        return {n: about for n, about in folders.look(root).items() if n.endswith((b".env", b".key"))}

    def leftovers(self) -> object:
        return folders.leftovers(self.root, self.other)


class TestEnv(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> EnvCase:
        return EnvCase(tmp_path / "base")

    def test_it_is_secret_unless_told_otherwise(self, case: EnvCase) -> None:
        assert case.service().components()[0].secret
        assert not env(case.base, ".env", secret=False).components()[0].secret

    def test_only_its_files_are_dumped_and_replaced(self, case: EnvCase, run: Run, tmp_path: Path) -> None:
        case.fill()
        (component,) = case.service().components()
        source, facts = dump_to_file(component, run, tmp_path)
        assert {m.path for m in listing(source.chunks())} == {".env", "secrets/one.key", "secrets/two words.key"}
        assert facts.counts["files"] == 3
        (case.root / "secrets" / "new.pem").write_text("stays")
        (case.root / ".env").write_text("live")
        swapped = component.stage(source, run).swap()
        assert (case.root / "secrets" / "new.pem").read_text() == "stays"
        assert (case.root / "compose.yaml").read_text() == "not mine"
        assert (Path(swapped.kept) / ".env").read_text() == "live"

    def test_a_link_brings_the_content_it_points_to(self, tmp_path: Path, run: Run) -> None:
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "real").write_text("A=1")
        (tmp_path / ".env").symlink_to("store/real")
        (tmp_path / ".env2").symlink_to("store/real")
        (component,) = env(tmp_path, ".env", ".env2").components()
        source, _ = dump_to_file(component, run, tmp_path)
        assert b"".join(component.extract(source, ".env2", run)) == b"A=1"

    def test_files_of_distant_folders(self, tmp_path: Path, run: Run) -> None:
        for name in ("a/b/.env", "c/d/e/key"):
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).write_text(name)
        (component,) = env(tmp_path, "a/b/.env", "c/d/e/key", "a/*/.env").components()
        source, _ = dump_to_file(component, run, tmp_path)
        for name in ("a/b/.env", "c/d/e/key"):
            (tmp_path / name).unlink()
        (tmp_path / "c/d/e").rmdir()
        component.stage(source, run).swap()
        assert (tmp_path / "a/b/.env").read_text() == "a/b/.env"
        assert (tmp_path / "c/d/e/key").read_text() == "c/d/e/key"


@pytest.mark.parametrize("paths", [[], [""], ["a/**"]])
def test_paths_that_make_no_sense(paths: list[str]) -> None:
    with pytest.raises(ValueError):
        EnvSettings.model_validate({"kind": "env", "paths": paths})


def test_paths_elsewhere_are_absolute() -> None:
    with pytest.raises(ValueError, match="absolute"):
        EnvSettings.model_validate({"kind": "env", "paths": [".env"], "container": "app"})


@pytest.mark.parametrize("paths", [["app/.env", "app/link"], ["app/.env", "app/*ink"], ["app/link"]])
def test_f01_a_link_to_nothing_is_no_file_of_settings(tmp_path: Path, paths: list[str]) -> None:
    run = Run("0123456789abcdef", tmp_path, timeout=120)
    case = EnvCase(tmp_path)
    case.fill()
    (tmp_path / "app" / "link").symlink_to("/run/secrets/not-mounted")
    (component,) = env(tmp_path, *paths).components()
    with pytest.raises(SourceError, match=r"is a link to nothing|neither a file nor a folder"):
        dump_to_file(component, run, tmp_path)
