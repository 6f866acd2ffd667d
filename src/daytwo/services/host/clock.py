"""Whether a machine's clock is right."""

import socket
import struct
import time

from daytwo.core.check import Measure, Observation, ProgramCheck, Timing, Unit
from daytwo.core.command import command
from daytwo.core.errors import UnreachableError
from daytwo.core.fileset.site import C
from daytwo.core.reading import ask, number, one_line
from daytwo.core.run import Run
from daytwo.core.target import Target

TIMING = Timing(every=900, timeout=20)
_NTP_PORT = 123
_NTP_SECONDS = 2.0
_EPOCH = 2208988800
"""Seconds from 1900, where NTP begins to count, to 1970 (RFC 5905, section 6)."""
_ERA = 2**32
_CLIENT = bytes([0b00_100_011]) + bytes(39)
"""No warning, version 4, mode 3: a client's question up to its own time (RFC 5905, section 7.3)."""
_SIZE = 48
_SERVER_MODE = 4
_UNSYNCHRONISED = 3
_STRATA = range(1, 16)

# The time comes last, so that it is as old as the way back takes.
_LOOK = r"""
if command -v chronyc >/dev/null 2>&1 && said=$(chronyc -c tracking 2>/dev/null); then echo "chrony $said"
elif command -v timedatectl >/dev/null 2>&1; then
  echo "systemd $(timedatectl show --property=NTPSynchronized --value 2>/dev/null)"
else echo unknown; fi
date +%s.%N
"""


class ClockCheck(ProgramCheck):
    """How far a machine's clock is off, and whether anything keeps it right."""

    about = "the clock's offset, and whether it is synchronised"
    measures = (Measure("offset", Unit.SECONDS, "how far the clock is off, whichever way"),)

    def __init__(self, name: str, service: str, target: Target, ntp: str | None) -> None:
        super().__init__(name, service, TIMING)
        self._target = target
        self._ntp = ntp

    def look(self, run: Run) -> Observation:
        """Ask the machine, and the time server where one is set."""
        try:
            told = ask(self._target, command("sh", "-c", _LOOK, env=C, where=str(self._target)), run).text.split("\n")
        except UnreachableError as error:  # what the first check tells
            return Observation.inconclusive(one_line(str(error)))
        here = time.time()
        synchronised, offset = _told(told[0])
        facts = {"synchronised": synchronised}
        if self._ntp is not None:
            try:
                ours = ask_ntp(self._ntp, _NTP_SECONDS)
            except UnreachableError as error:
                return Observation.inconclusive(one_line(str(error)))
            there = number(told[-1])
            offset = ours if self._target.is_local or there is None else ours + there - here
        return Observation.ok({} if offset is None else {"offset": abs(offset)}, facts)


def _told(line: str) -> tuple[str, float | None]:
    """Whether it is synchronised, and by how much it is off as far as the machine itself knows.

    `chronyc -c tracking`: name, address, stratum, reference time, offset of the system's clock, ... (chronyc(1)).
    """
    program, _, rest = line.partition(" ")
    if program == "chrony":
        fields = rest.split(",")
        offset = number(fields[4]) if len(fields) > 4 else None
        return ("yes", offset) if len(fields) > 13 and fields[-1] != "Not synchronised" else ("no", None)
    if program == "systemd" and rest in ("yes", "no"):
        return rest, None
    return "unknown", None


def ask_ntp(server: str, seconds: float) -> float:
    """How far this machine's clock is ahead of a time server's, by one exchange of SNTP (RFC 4330).

    Args:
        server: as `host` or `host:port`.
        seconds: how long to wait.

    Raises:
        UnreachableError: it does not answer, or with something that is no time.
    """
    host, port = _address(server)
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(kind, socket.SOCK_DGRAM) as line:
            line.settimeout(max(0.1, seconds))
            line.connect(address)
            begun = time.time()
            sent = _stamp(begun)
            line.send(_CLIENT + sent)
            answer = line.recv(512)
            ended = time.time()
    except OSError as error:
        raise UnreachableError(f"the time server {server} does not answer: {error.strerror or error}") from None
    return _offset(server, answer, sent, begun, ended)


def _offset(server: str, answer: bytes, sent: bytes, begun: float, ended: float) -> float:
    """How far we are ahead, from the four times of an exchange (RFC 5905, section 8)."""
    if len(answer) < _SIZE or answer[0] & 7 != _SERVER_MODE or answer[24:32] != sent:
        raise UnreachableError(f"the time server {server} answers with something else")
    if answer[1] not in _STRATA or answer[0] >> 6 == _UNSYNCHRONISED:
        raise UnreachableError(f"the time server {server} does not know the time itself")
    received, replied = _seconds(answer[32:40], begun), _seconds(answer[40:48], ended)
    return ((begun - received) + (ended - replied)) / 2


def _stamp(seconds: float) -> bytes:
    whole = int(seconds)
    return struct.pack("!II", (whole + _EPOCH) % _ERA, int((seconds - whole) * _ERA))


def _seconds(stamp: bytes, near: float) -> float:
    """A stamp as seconds since 1970, in the era that is nearest to a time (eras change in 2036)."""
    whole, part = (float(one) for one in struct.unpack("!II", stamp))
    found = whole - _EPOCH + part / _ERA
    return found + round((near - found) / _ERA) * _ERA


def _address(server: str) -> tuple[str, int]:
    host, colon, port = server.rpartition(":")
    if colon and not server.endswith("]"):
        return host.strip("[]"), int(port)
    return server.strip("[]"), _NTP_PORT
