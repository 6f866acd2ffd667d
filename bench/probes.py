"""What an HTTP probe costs: `python -m bench.probes`.

A server in another process answers; here many probes are on their way at once, each a check as a configuration would
have it, with its deadline. Processor seconds are those of this process, user and system, so the server's are not in it.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from daytwo.core.check import Around, Check, Shared, Verdict
from daytwo.core.service import Place
from daytwo.services.http import Http

WANTED = 0.4
"""Milliseconds of processor time that one probe may cost."""
_BODY = json.dumps({"status": "ok", "checks": {"database": "up", "queue": "up"}, "uptime": 123456}).encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Sat, 01 Aug 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Cache-Control: no-store\r\nX-Frame-Options: DENY\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)
_SORTS: dict[str, dict[str, Any]] = {
    "fresh connection": {},
    "kept connection": {"connection": "kept"},
    "fresh, JSON looked into": {"json": {"status": "ok"}, "numbers": {"uptime": "uptime"}},
    "kept, JSON looked into": {"connection": "kept", "json": {"status": "ok"}, "numbers": {"uptime": "uptime"}},
    "fresh, name looked up": {"host": "localhost"},
}


@dataclass(frozen=True)
class Result:
    """What probes of one sort cost; milliseconds for one."""

    sort: str
    user: float
    system: float
    wall: float

    @property
    def cpu(self) -> float:
        """Processor milliseconds for one."""
        return self.user + self.system

    def __str__(self) -> str:
        minute = self.cpu / 1000 * 10_000 / 60
        return (
            f"{self.sort:26} {self.cpu:7.3f} ms CPU ({self.user:.3f} user, {self.system:.3f} system), "
            f"{self.wall:.3f} ms wall; 10,000 a minute take {minute:.1%} of a core"
        )


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.write(_ANSWER)


def _serve(told: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0, backlog=4096)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


@contextlib.contextmanager
def server() -> Iterator[int]:
    """A web server in another process; its port."""
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(tell,), daemon=True)
    process.start()
    try:
        yield int(told.recv())
    finally:
        process.terminate()
        process.join()


async def measure(sort: str, checks: list[Check], rounds: int, at_once: int, work: Path) -> Result:
    """Ask all checks so many times, so many at once.

    Raises:
        RuntimeError: one is not ok.
    """
    shared = Shared()

    async def ask(check: Check) -> None:
        async with asyncio.timeout(check.timing.timeout):
            observation = await check.probe(Around(time.monotonic() + check.timing.timeout, shared, work))
        if observation.verdict is not Verdict.OK:
            raise RuntimeError(f"{sort}: {observation.why}")

    async def worker(queue: Iterator[Check]) -> None:
        for check in queue:
            await asyncio.create_task(ask(check))

    await worker(iter(checks))  # what is made at first use is no cost of a probe
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    for _ in range(rounds):
        queue = iter(checks)
        await asyncio.gather(*(worker(queue) for _ in range(at_once)))
    after, seconds = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - begun
    for check in checks:
        await check.close()
    await shared.close()
    count = rounds * len(checks) / 1000
    return Result(
        sort,
        (after.ru_utime - before.ru_utime) / count,
        (after.ru_stime - before.ru_stime) / count,
        seconds / count,
    )


def checks_of(sort: str, port: int, targets: int, folder: Path) -> list[Check]:
    """Checks of one sort, as a configuration would have them."""
    settings = dict(_SORTS[sort])
    host = settings.pop("host", "127.0.0.1")
    block = {"kind": "http", "url": f"http://{host}:{port}", "health": "/api/health", **settings}
    place = Place(folder, "bench", "bench")
    services = (Http(f"web{number}", Http.Settings.model_validate(block), place) for number in range(targets))
    return [service.checks()[0] for service in services]


def main() -> None:
    """Measure and print; ends with 1 when a plain probe costs more than is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=20)
    chosen = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder, server() as port:
        for sort in _SORTS:
            checks = checks_of(sort, port, chosen.targets, Path(folder))
            results.append(asyncio.run(measure(sort, checks, chosen.rounds, chosen.at_once, Path(folder))))
            print(results[-1])
    dear = [one.sort for one in results[:2] if one.cpu > WANTED]
    print(f"wanted: at most {WANTED} ms for a plain probe: {'missed: ' + ', '.join(dear) if dear else 'held'}")
    raise SystemExit(1 if dear else 0)


if __name__ == "__main__":
    main()
