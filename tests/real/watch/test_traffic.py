"""Access logs of real servers: what nginx and Caddy write of requests whose number and kind are known.

Traefik is no package of Debian: tests/watch/traffic/test_parsing.py has lines as its documentation shows them.
"""

import contextlib
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daytwo.config.listening import LogSource
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from daytwo.watch.logs import Line
from daytwo.watch.numbers import Numbers
from daytwo.watch.traffic.reader import AccessReader
from daytwo.watch.traffic.views import RoutedTraffic, TrafficViews
from tests.parts.need import require
from tests.real.serve.running import place, until
from tests.services.net.servers import free_port

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                  '"$http_referer" "$http_user_agent" "$http_x_forwarded_for"';
  log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                   '"$http_referer" "$http_user_agent" $request_time $upstream_response_time';
  log_format vhost '$host:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                   '"$http_referer" "$http_user_agent" rt=$request_time';
  log_format json escape=json '{{"time":"$time_iso8601","remote_addr":"$remote_addr","request":"$request",'
                  '"status":$status,"body_bytes_sent":$body_bytes_sent,"request_time":$request_time,'
                  '"upstream_response_time":"$upstream_response_time","http_user_agent":"$http_user_agent"}}';
  log_format bad_json '{{"msec":"$msec","uri":"$request_uri","status":"$status","ua":"$http_user_agent"}}';
  server {{
    listen 127.0.0.1:{port};
    access_log {folder}/combined.log combined; access_log {folder}/main.log main; access_log {folder}/timed.log timed;
    access_log {folder}/vhost.log vhost; access_log {folder}/json.log json; access_log {folder}/bad_json.log bad_json;
    location / {{ return 200 "hello"; }}
    location = /broken {{ return 500; }}
    location = /gone {{ return 404; }}
    location = /slow {{ proxy_pass http://127.0.0.1:{closed}; }}
  }}
}}
"""
CADDY = """
{{
  admin off
  auto_https off
  storage file_system {folder}
}}
http://127.0.0.1:{port} {{
  log {{
    output file {folder}/access.log
  }}
  handle /slow {{
    reverse_proxy 127.0.0.1:{closed}
  }}
  handle {{
    respond /broken 500
    respond /gone 404
    respond "hello" 200
  }}
}}
"""


@contextlib.contextmanager
def running(argv: list[str | Path], folder: Path, port: int) -> Iterator[str]:
    """A server, once it answers."""
    with (folder / "said").open("wb") as said:
        env = {
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "PATH": "/usr/bin:/bin",
        }
        process = subprocess.Popen(argv, stdout=said, stderr=said, env=env)
        try:
            url = f"http://127.0.0.1:{port}"

            def answers() -> bool:
                assert process.poll() is None, (folder / "said").read_text()
                return status(f"{url}/ready") == 200

            until(answers, "the server answers")
            yield url
        finally:
            process.terminate()
            process.wait(20)


def status(url: str) -> int:
    """The status of an answer; 0 when there is none."""
    request = urllib.request.Request(url, headers={"User-Agent": 'an "odd" one \\ [x] é'.encode().decode("latin-1")})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def ask(url: str) -> None:
    """Twenty requests: sixteen well, two 5xx, two 4xx."""
    paths = [f"/posts/{n}?page={n}" for n in range(15)] + ["/a%20b", "/broken", "/slow", "/gone", "/gone?x=[y]"]
    for path in paths:
        status(url + path)


def read(log: Path, access: str, folder: Path) -> RoutedTraffic:
    """What an access log tells; requests that only asked whether the server is there are left out."""
    texts = [line for line in log.read_text(errors="replace").splitlines() if "/ready" not in line]
    folder.mkdir()
    database = open_database(StateUrl.parse("state.db", folder))
    with contextlib.closing(database):
        numbers = Numbers(database, "shop", "production")
        source = LogSource.model_validate({"file": str(log), "access": access})
        now = datetime.now(UTC)
        reader = AccessReader({"web": source}, database, numbers, lambda: now)
        write = reader.read("web", [Line(round(now.timestamp() * 1000), text) for text in texts])
        assert write is not None
        with database.begin() as connection:
            write(connection, now)
        return TrafficViews(database, "shop", "production", lambda: now).log("web", "1h")


def is_right(found: RoutedTraffic, *, durations: bool) -> None:
    """Whether the twenty requests are there."""
    assert (found.requests, found.errors, found.client_errors, found.unread) == (20, 2, 2, 0), found
    assert found.users is not None
    assert 1 <= found.users <= 20
    routes = {one.name: one.requests for one in found.routes}
    assert routes["posts-id"] == 13
    assert sum(routes.values()) == 20
    assert (found.p95 is not None) == durations
    assert found.p95 is None or 0 <= found.p95 < 10


@pytest.fixture(scope="module")
def nginx_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs that nginx has written, by form."""
    binary, folder, port = require("nginx"), tmp_path_factory.mktemp("nginx"), free_port()
    text = NGINX.format(folder=folder, port=port, closed=free_port())
    (folder / "nginx.conf").write_text(text)
    with running([binary, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"], folder, port) as url:
        ask(url)
    return folder


@pytest.mark.parametrize(
    ("log", "access", "durations"),
    [
        ("combined", "nginx", False), ("main", "nginx", False), ("timed", "nginx", True), ("vhost", "nginx", True),
        ("json", "nginx-json", True), ("bad_json", "nginx-json", False),
    ],
)  # fmt: skip
def test_nginx(nginx_logs: Path, tmp_path: Path, log: str, access: str, durations: bool) -> None:
    found = read(nginx_logs / f"{log}.log", access, tmp_path / "state")
    if log == "bad_json":
        found = found.model_copy(update={"users": 1.0})  # it does not tell who
    is_right(found, durations=durations)


def test_caddy(tmp_path: Path) -> None:
    binary, port = require("caddy"), free_port()
    text = CADDY.format(folder=tmp_path, port=port, closed=free_port())
    (tmp_path / "Caddyfile").write_text(text)
    argv: list[str | Path] = [binary, "run", "--config", tmp_path / "Caddyfile", "--adapter", "caddyfile"]
    with running(argv, tmp_path, port) as url:
        ask(url)
    is_right(read(tmp_path / "access.log", "caddy", tmp_path / "state"), durations=True)
    # What Caddy says itself, of the proxy that failed too, is no request a second time.
    said = read(tmp_path / "said", "caddy", tmp_path / "other")
    assert said.requests == 0
    assert set(said.reasons) <= {"no-request", "no-json"}


def test_the_daemon_reads_what_nginx_writes(tmp_path: Path) -> None:
    binary, port = require("nginx"), free_port()
    (tmp_path / "nginx").mkdir()
    text = NGINX.format(folder=tmp_path / "nginx", port=port, closed=free_port())
    (tmp_path / "nginx" / "nginx.conf").write_text(text)
    log = tmp_path / "nginx" / "timed.log"
    extra = (
        f"logs: {{web: {{file: {log}, access: nginx, routes: {{ready: /ready}}}}}}\n"
        "rules: {faulty: {series: traffic.web.errors, take: sum, over: 5m, every: 1s, critical: '>= 2'}}\n"
    )
    log.touch()
    argv: list[str | Path] = [binary, "-p", tmp_path / "nginx", "-c", tmp_path / "nginx" / "nginx.conf"]
    with place(tmp_path, extra=extra) as app:
        app.write().start()
        with running([*argv, "-e", tmp_path / "nginx" / "error.log"], tmp_path / "nginx", port) as url:
            # The lines from before it follows the log are none of its business.
            until(lambda: status(f"{url}/ready") and any(one["requests"] for one in app.json("traffic")), "it listens")
            ask(url)
        until(lambda: app.json("traffic", "web")["client_errors"] == 2, "the last requests are there")
        found = app.json("traffic", "web", "--since", "5m")
        routes = {one["name"]: one["requests"] for one in found["routes"]}
        assert routes["posts-id"] == 13
        assert (found["errors"], found["client_errors"], found["unread"]) == (2, 2, 0)
        assert found["requests"] == 20 + routes["ready"]
        assert "posts-id" in app.run("traffic", "web").stdout
        assert "there is no traffic of a log wib" in app.run("traffic", "wib", code=None).stderr
        told = app.client.call("GET", "/api/traffic/web")
        assert told["requests"] == found["requests"]
        until(
            lambda: [one["rule"] for one in app.client.call("GET", "/api/monitoring/alerts")] == ["faulty"], "an alert"
        )
