"""Kind `certificate` where the file is on another host, or in a container without a shell to speak of."""

from pathlib import Path

from daytwo.core.check import Observation, Verdict
from daytwo.core.target import Ssh
from tests.contract.checks import ask
from tests.parts.docker import DockerEngine
from tests.parts.ssh import SshHost
from tests.services.net.asking import service
from tests.services.net.certs import DAY, sign


def over_ssh(host: SshHost, folder: Path, **settings: object) -> Observation:
    made = service("certificate", folder, ssh=host.name, **settings)
    made.target = Ssh(host.name, str(host.config))
    return ask(made.checks()[0], folder)


def test_on_another_host(ssh_host: SshHost, tmp_path: Path) -> None:
    certificate, key = sign(ends=3 * DAY).write(tmp_path, "one")
    other, _ = sign().write(tmp_path, "other")
    good = over_ssh(ssh_host, tmp_path, path=str(certificate), key=str(key))
    assert good.verdict is Verdict.OK, good
    assert 2.9 * 86400 < good.numbers["certificate_left"] < 3 * 86400
    wrong = over_ssh(ssh_host, tmp_path, path=str(other), key=str(key))
    assert f"the key {key} is not its own" in wrong.why
    assert over_ssh(ssh_host, tmp_path, path=str(tmp_path / "gone.pem")).verdict is Verdict.FAILED
    with (tmp_path / "huge.pem").open("wb") as file:
        file.truncate(2 << 30)
    assert "this is no certificate" in over_ssh(ssh_host, tmp_path, path=str(tmp_path / "huge.pem")).why


def test_in_a_container(docker: DockerEngine, tmp_path: Path, monkeypatch) -> None:
    for name, value in docker.env.items():
        monkeypatch.setenv(name, value)
    signed = sign(ends=3 * DAY)
    signed.write(tmp_path, "one")
    with docker.container() as name:
        for file in ("one.pem", "one.key"):
            docker.run("cp", str(tmp_path / file), f"{name}:/tmp/{file}")
        made = service("certificate", tmp_path, container=name, path="/tmp/one.pem", key="/tmp/one.key")
        observation = ask(made.checks()[0], tmp_path)
        assert observation.verdict is Verdict.OK, observation
        assert observation.facts["names"] == "127.0.0.1"
        gone = service("certificate", tmp_path, container=name, path="/tmp/gone.pem")
        assert ask(gone.checks()[0], tmp_path).verdict is Verdict.FAILED
    absent = service("certificate", tmp_path, container=name, path="/tmp/one.pem")
    assert ask(absent.checks()[0], tmp_path).verdict is Verdict.FAILED
