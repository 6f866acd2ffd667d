"""Built-in expressions for what well-known programs write when somebody is refused.

Each is used on the logs that it is meant for only (`security.detect`): what an app writes down of its visitors' words
must not pass for a line of sshd. Where visitors' words are part of the line, the expression steps over them as the
program quotes them. Sources: OpenSSH auth.c, auth2.c; PostgreSQL auth.c; nginx's `combined`; access logs of Caddy and
Traefik. In JSON a quote within a value is escaped, so that `"status":` is never a visitor's word.
"""

from collections.abc import Mapping
from typing import NamedTuple

from daytwo.config.listening import Detector
from daytwo.watch.security.event import AUTH_FAILURE, RATE_LIMIT

_IP = r"(?P<source>[0-9a-fA-F:.]{2,45})"
_REPEATED = r"(?:message repeated (?P<times>\d{1,4}) times: \[ )?"
"""How rsyslog puts equal lines together that follow each other (`$RepeatedMsgReduction`, on in Ubuntu)."""
_COMBINED = r'^(?P<source>\S+) \S+ (?P<user>\S+) \[[^]]{10,40}\] "'
_CADDY = r'"request":\{"remote_ip":"(?P<source>[^"]+)"(?:[^"\\]|\\.|"(?!status":))*'


class Detection(NamedTuple):
    """What an expression finds; its groups are `source`, `user`, `route` and `times`."""

    kind: str
    match: str


def _refused(kind: str, status: int) -> Detection:
    """A status in the form that nginx calls `combined`."""
    return Detection(kind, rf'{_COMBINED}(?:\S+ (?P<route>[^" ?]{{0,500}}))?[^"]*" {status} ')


def _refused_in_json(kind: str, code: int, status: str, source: str, user: str, route: str) -> Detection:
    """A status in JSON, whatever the order of its fields; each argument is the names that a field may have."""
    return Detection(
        kind,
        rf'^\s*\{{(?=.*?"(?:{status})":\s?"?{code}"?\s?[,}}])'
        rf'(?=.*?"(?:{source})":\s?"(?P<source>[^"\\]{{1,100}})")'
        rf'(?=(?:.*?"(?:{user})":\s?"(?P<user>[^"\\]{{1,200}}))?)'
        rf'(?=(?:.*?"(?:{route})":\s?"(?:[A-Z]{{1,20}} )?(?P<route>/[^"\\? ]{{0,500}}))?)',
    )


_REFUSED = ((AUTH_FAILURE, 401), (RATE_LIMIT, 429))
_COMMON = tuple(_refused(*one) for one in _REFUSED)
_NGINX = (
    "status|status_code|response_status|http_status",
    "remote_addr|client_ip|remote_ip|client|ip",
    "remote_user|user",
    "request_uri|uri|path|url|request_path|request",
)
_TRAEFIK = ("DownstreamStatus", "ClientHost", "ClientUsername", "RequestPath")

DETECTORS: Mapping[Detector, tuple[Detection, ...]] = {
    "sshd": (
        Detection(
            AUTH_FAILURE,
            rf"(?:^|sshd(?:-session)?(?:\[\d+\])?: ){_REPEATED}Failed (?!none )\S+ for (?:invalid user )?"
            rf"(?P<user>.{{0,200}}) from {_IP} port \d+(?: ssh2)?(?:: .*)?\]?$",
        ),
        Detection(
            AUTH_FAILURE,
            rf"(?:^|sshd(?:-session)?(?:\[\d+\])?: ){_REPEATED}Connection (?:closed|reset) by "
            rf"(?:authenticating|invalid) user (?P<user>.{{0,200}}) {_IP} port \d+ \[preauth\]\]?$",
        ),
    ),
    "postgres": (
        Detection(AUTH_FAILURE, r'FATAL:  password authentication failed for user "(?P<user>[^"]{0,200})"'),
        Detection(
            AUTH_FAILURE,
            rf'FATAL:  no pg_hba\.conf entry for host "{_IP}", user "(?P<user>[^"]{{0,200}})"',
        ),
    ),
    "nginx": _COMMON,
    "caddy": (
        Detection(AUTH_FAILURE, _CADDY + r'"status":401[,}]'),
        Detection(RATE_LIMIT, _CADDY + r'"status":429[,}]'),
    ),
    "nginx-json": tuple(_refused_in_json(*one, *_NGINX) for one in _REFUSED),
    "traefik": (*(_refused_in_json(*one, *_TRAEFIK) for one in _REFUSED), *_COMMON),
    "wordpress": (
        # A login that is right is answered with 302; the form again, with 200, is one that was wrong.
        Detection(AUTH_FAILURE, _COMBINED + r'POST (?P<route>[^" ?]{0,100}/wp-login\.php)(?: [^"]*)?" 200 '),
        Detection(AUTH_FAILURE, _COMBINED + r'POST (?P<route>[^" ?]{0,100}/xmlrpc\.php)(?: [^"]*)?" 403 '),
    ),
}
"""By name."""
