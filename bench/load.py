"""An open-loop HTTP load: requests leave at their time whether or not earlier ones were answered.

Response times count from the moment a request was due, so that a server that stalls cannot hide it (coordinated
omission). Plain asyncio streams with keep-alive, to leave the processors to who is measured.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What is sent: what it is called in the results, and the bytes of a whole request."""

    name: str
    raw: bytes

    @classmethod
    def get(cls, path: str, token: str = "") -> "Request":
        """A GET."""
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        return cls(f"GET {path}", f"GET {path} HTTP/1.1\r\nHost: bench\r\n{bearer}\r\n".encode())

    @classmethod
    def post(cls, path: str, token: str, body: bytes) -> "Request":
        """A POST of JSON."""
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return cls(f"POST {path}", (head + kind).encode() + body)


@dataclass
class Outcome:
    """What came of a load.

    Args:
        named: what was asked, and the response time of a good answer, by the time it was due.
        errors: what went wrong, in words.
        took: seconds from the first request to the last answer.
    """

    named: list[tuple[str, float]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    took: float = 0.0

    @property
    def names(self) -> list[str]:
        """What was asked."""
        return sorted({name for name, _ in self.named})

    def share(self, part: float, name: str = "") -> float:
        """The response time that this part of all answers, or of those to one request, stayed under."""
        ordered = sorted(seconds for one, seconds in self.named if name in ("", one))
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


async def fire(host: str, port: int, requests: Sequence[Request], rate: float, lines: int = 32) -> Outcome:
    """Send requests at a steady rate.

    Args:
        host: where to.
        port: where to.
        requests: in this order.
        rate: per second.
        lines: connections kept open.
    """
    outcome = Outcome()
    waiting: asyncio.Queue[tuple[float, Request] | None] = asyncio.Queue()
    workers = [asyncio.create_task(_line(host, port, waiting, outcome)) for _ in range(lines)]
    begun = time.monotonic()
    for number, request in enumerate(requests):
        due = begun + number / rate
        if (pause := due - time.monotonic()) > 0:
            await asyncio.sleep(pause)
        waiting.put_nowait((due, request))
    for _ in workers:
        waiting.put_nowait(None)
    await asyncio.gather(*workers)
    outcome.took = time.monotonic() - begun
    return outcome


async def _line(host: str, port: int, waiting: "asyncio.Queue[tuple[float, Request] | None]", outcome: Outcome) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while (job := await waiting.get()) is not None:
        due, request = job
        try:
            writer.write(request.raw)
            status = await _answer(reader)
        except (OSError, EOFError, ValueError) as error:
            outcome.errors.append(f"{type(error).__name__}: {error}")
            writer.close()
            reader, writer = await asyncio.open_connection(host, port)
            continue
        if status < 300:
            outcome.named.append((request.name, time.monotonic() - due))
        else:
            outcome.errors.append(f"status {status}")
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
    if length:
        await reader.readexactly(length)
    return int(lines[0].split()[1])
