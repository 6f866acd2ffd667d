"""How the lines of each form of access log are read."""

from collections.abc import Callable, Mapping

from daytwo.config.listening import AccessFormat
from daytwo.watch.traffic import json_lines, plain_lines
from daytwo.watch.traffic.request import Parsed

Parser = Callable[[str], Parsed]


def _traefik(line: str) -> Parsed:
    return json_lines.traefik(line) if line.startswith("{") else plain_lines.traefik(line)


PARSERS: Mapping[AccessFormat, Parser] = {
    "caddy": json_lines.caddy,
    "nginx": plain_lines.nginx,
    "nginx-json": json_lines.nginx,
    "traefik": _traefik,
}
"""By the form that the configuration names. None raises, whatever a line holds."""

__all__ = ["PARSERS", "Parser"]
