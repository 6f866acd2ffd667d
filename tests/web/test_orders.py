"""Orders that come over the network: only for what there is."""

from pathlib import Path

import pytest

from daytwo.access.roles import Role
from daytwo.cli.main import run
from daytwo.core.errors import ExitCode
from tests.web.conftest import World


@pytest.mark.parametrize("path", ["/api/prunes", "/api/prunes/plan"])
@pytest.mark.parametrize("wanted", [{"backup": "weekly"}, {"repository": "elsewhere"}], ids=["backup", "repository"])
def test_what_is_not_configured_is_not_pruned(world: World, path: str, wanted: dict[str, str]) -> None:
    answer = world.bearer(Role.ADMIN).post(path, json=wanted)
    assert answer.status_code == 422
    assert "there is no" in answer.json()["error"]["message"]
    assert world.bearer(Role.ADMIN).get("/api/runs").json()["data"] == []


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/api/verifications", {"snapshot": "\x1b[31m"}),
        ("/api/verifications", {"services": ["a\nb"]}),
        ("/api/restores", {"snapshot": "\x9b2J", "confirm": "shop/production"}),
        ("/api/restores/plan", {"repository": "\x00"}),
    ],
)
def test_names_with_controls_get_into_no_record(world: World, path: str, wanted: dict[str, object]) -> None:
    admin = world.bearer(Role.ADMIN)
    assert admin.post(path, json=wanted).status_code == 422
    assert admin.get("/api/runs").json()["data"] == []
    assert not any("order" in one for one in world.stage.actions())


def test_a_name_that_no_order_can_hold_is_a_mistake_and_no_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "daytwo.yaml").write_text(
        "app: shop\ntimezone: UTC\nservices: {data: {kind: files, path: data}}\n"
        "repositories: {local: {kind: archive, path: backups}}\nbackups: {nightly: {}}\n"
    )
    monkeypatch.setenv("DAYTWO_CONFIG", str(tmp_path / "daytwo.yaml"))
    for argv, said in (
        (["restore", "la\x1btest"], "error: snapshot 'la\\x1btest': no name is like this\n"),
        (["verify", "z" * 300], "should have at most 200 characters\n"),
    ):
        assert run(argv) == ExitCode.CONFIG
        assert said in capsys.readouterr().err
