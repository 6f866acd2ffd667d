"""What is found in the lines of logs, as the programs write them."""

import pytest

from daytwo.config.models import Config
from daytwo.watch.logs.lines import Line
from daytwo.watch.logs.matching import words_of
from daytwo.watch.security.detectors import DETECTORS
from daytwo.watch.security.reader import SecurityReader
from tests.watch.security.conftest import Scene, clock

KEY = "ghp_" + "a1B2c3D4e5F6" * 3
AT = round(clock("10:00").timestamp() * 1000)


def reader(scene: Scene, **settings: object) -> SecurityReader:
    config = Config.model_validate({"app": "shop", "services": {"x": {"kind": "?"}}, **settings})

    def salt() -> str:
        with scene.writing() as connection:
            return scene.book.salt(connection)

    return SecurityReader(config, scene.book, salt)


def read(scene: Scene, made: SecurityReader, *texts: str, log: str = "a") -> list[tuple[str, str, str, str]]:
    scene.at("10:00:30")
    before = len(scene.events())
    write = made.read(log, [Line(AT + number, text) for number, text in enumerate(texts)])
    if write is not None:
        with scene.writing() as connection:
            write(connection, scene.now)
    return [(one.kind, one.source, one.user, one.route) for one in scene.events()[before:]]


SSHD = "Nov 21 10:00:00 web sshd[812]: "
LINES = [
    ("sshd", SSHD + "Failed password for root from 203.0.113.9 port 51622 ssh2", ("auth_failure", "203.0.113.9", "root", "")),
    ("sshd", SSHD + "Failed password for invalid user admin from 2001:db8::9 port 4 ssh2", ("auth_failure", "2001:db8::9", "admin", "")),
    ("sshd", SSHD + "Failed password for invalid user a from 192.0.2.1 port 22 ssh2 from 203.0.113.9 port 4 ssh2", ("auth_failure", "203.0.113.9", "a from 192.0.2.1 port 22 ssh2", "")),
    ("sshd", "Connection closed by authenticating user root 203.0.113.9 port 52 [preauth]", ("auth_failure", "203.0.113.9", "root", "")),
    ("sshd", SSHD + "Accepted publickey for deploy from 203.0.113.9 port 51622 ssh2: ED25519 SHA256:x", None),
    ("sshd", SSHD + "Failed none for root from 203.0.113.9 port 51622 ssh2", None),
    ("postgres", '2026-11-21 10:00:00 UTC [71] FATAL:  password authentication failed for user "shop"', ("auth_failure", "", "shop", "")),
    ("postgres", 'FATAL:  no pg_hba.conf entry for host "203.0.113.9", user "shop", database "shop", no encryption', ("auth_failure", "203.0.113.9", "shop", "")),
    ("nginx", '203.0.113.9 - bob [21/Nov/2026:10:00:00 +0000] "GET /admin?x=1 HTTP/1.1" 401 179 "-" "curl/7.88.1"', ("auth_failure", "203.0.113.9", "bob", "/admin")),
    ("nginx", '203.0.113.9 - - [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 429 0 "-" "x"', ("rate_limit", "203.0.113.9", "", "/")),
    ("nginx", r'203.0.113.9 - - [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 9 "-" "\x22 401 \x22"', None),
    ("caddy", '{"level":"info","ts":1,"logger":"http.log.access","request":{"remote_ip":"203.0.113.9","uri":"/","headers":{"User-Agent":["\\"status\\":429,"]}},"size":0,"status":401}', ("auth_failure", "203.0.113.9", "", "")),
    ("caddy", '{"request":{"remote_ip":"203.0.113.9","headers":{"X":["\\"status\\":401,"]}},"size":0,"status":200}', None),
    ("nginx-json", '{"time_iso8601":"2026-11-21T10:00:00+00:00","remote_addr":"203.0.113.9","remote_user":"bob","request":"GET /admin?x=1 HTTP/1.1","status":"401","http_user_agent":"x"}', ("auth_failure", "203.0.113.9", "bob", "/admin")),
    ("nginx-json", '{"status": 429, "request_uri": "/api", "remote_user": "-", "remote_addr": "2001:db8::9"}', ("rate_limit", "2001:db8::9", "", "/api")),
    ("nginx-json", r'{"remote_addr":"203.0.113.9","http_user_agent":"\"status\":401,","status":200}', None),
    ("nginx-json", r'{"http_user_agent":"\"remote_addr\":\"192.0.2.1\"","remote_addr":"203.0.113.9","status":401}', ("auth_failure", "203.0.113.9", "", "")),
    ("traefik", '{"ClientHost":"203.0.113.9","ClientUsername":"-","DownstreamStatus":401,"Duration":12000,"RequestMethod":"GET","RequestPath":"/dashboard/","request_User-Agent":"x"}', ("auth_failure", "203.0.113.9", "", "/dashboard/")),
    ("traefik", '{"RequestPath":"/","OriginStatus":429,"DownstreamStatus":429,"ClientHost":"203.0.113.9"}', ("rate_limit", "203.0.113.9", "", "/")),
    ("traefik", r'{"ClientHost":"203.0.113.9","DownstreamStatus":200,"request_DownstreamStatus":"401","request_X":"\"DownstreamStatus\":401,"}', None),
    ("traefik", '203.0.113.9 - bob [21/Nov/2026:10:00:00 +0000] "GET /x HTTP/1.1" 401 17 "-" "-" 7 "web@docker" "http://172.18.0.3:80" 1ms', ("auth_failure", "203.0.113.9", "bob", "/x")),
    ("wordpress", '203.0.113.9 - - [21/Nov/2026:10:00:00 +0000] "POST /wp-login.php HTTP/1.1" 200 4523 "-" "x"', ("auth_failure", "203.0.113.9", "", "/wp-login.php")),
    ("wordpress", '203.0.113.9 - - [21/Nov/2026:10:00:00 +0000] "POST /wp-login.php HTTP/1.1" 302 0 "-" "x"', None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "wanted"), LINES, ids=range(len(LINES)))
def test_detectors_on_lines_as_they_are(
    scene: Scene, name: str, text: str, wanted: tuple[str, str, str, str] | None
) -> None:
    made = reader(scene, security={"detect": {"a": name}})
    assert read(scene, made, text, log="b") == [], "only in the log that it is meant for"
    assert read(scene, made, text) == ([] if wanted is None else [wanted])


@pytest.mark.parametrize(
    "said",
    ["Failed password for root from 203.0.113.9 port 51622 ssh2", "Connection closed by invalid user a 203.0.113.9 port 4 [preauth]"],
)  # fmt: skip
def test_lines_that_were_put_together_count_as_often_as_they_happened(scene: Scene, said: str) -> None:
    """Of six wrong passwords in a row, rsyslog writes the first, and then that it was repeated."""
    made = reader(scene, security={"detect": {"a": "sshd"}})
    read(scene, made, SSHD + said, f"{SSHD}message repeated 5 times: [ {said}]")
    assert [(one.source, one.count) for one in scene.events()] == [("203.0.113.9", 1), ("203.0.113.9", 5)]
    read(scene, made, *[f"{SSHD}message repeated 5 times: [ {said}]"] * 100)
    assert sum(one.count for one in scene.events()) == 506


def test_detectors_ask_only_about_lines_that_may_tell_something() -> None:
    """Each has a word that is in whatever it finds, so that the many other lines cost nothing."""
    for name, detections in DETECTORS.items():
        for one in detections:
            assert words_of(one.match), name


def test_a_line_made_to_take_long_does_not(scene: Scene) -> None:
    made = reader(scene, security={"detect": {"a": ["nginx-json", "traefik", "caddy"]}})
    texts = ['{"status":401,' + '"remote_addr":' * 5000, '{"DownstreamStatus":401,' + '"RequestPath":"' * 5000]
    read(scene, made, *texts)
    assert not made.trouble


def test_a_pattern_of_ones_own(scene: Scene) -> None:
    pattern = {"match": r"denied: (?P<user>\S+) from (?P<source>\S+)", "security": "suspicious", "logs": ["a"]}
    made = reader(scene, patterns={"denied": pattern, "plain": {"match": "denied"}})
    read(scene, made, "denied: bob from [2001:db8::1]:443", "denied: eve from host.example", "fine")
    assert {(one.source, one.user, one.via) for one in scene.events()} == {
        ("2001:db8::1", "bob", "log a"), ("", "eve", "log a"),
    }  # fmt: skip


def test_an_expression_that_explodes_is_left_out(scene: Scene) -> None:
    made = reader(scene, patterns={"slow": {"match": r"(?:(?:x+)+)+y$", "security": "suspicious"}})
    assert read(scene, made, "x" * 5000) == []
    assert "suspicious" in made.trouble


def test_a_key_is_one_event_with_a_fingerprint_that_tells_nothing(scene: Scene) -> None:
    made = reader(scene)
    other = KEY[:-1] + "Z"
    read(scene, made, *[f"calling with {KEY} now"] * 500, f"and {other}", "and \x1b[31mred")
    first, second = scene.events()
    assert (first.kind, first.route, first.count) == ("key_exposure", "github_token", 1)
    assert first.evidence == "calling with ghp_*** now"
    assert len(first.fingerprint) == 16 and first.fingerprint != second.fingerprint
    assert read(scene, reader(scene), f"calling with {KEY} now") == [], "nor after a restart"
    assert scene.events()[0].count == 2
    assert read(scene, reader(scene, security={"keys": False}), "glpat-" + "a1" * 12) == []


def test_a_flood_of_lines_is_gathered_before_it_is_written(scene: Scene) -> None:
    made = reader(scene, security={"detect": {"a": "sshd"}})
    read(scene, made, *[LINES[0][1]] * 10_000)
    assert scene.rows() == 20
    assert sum(one.count for one in scene.events()) == 10_000
