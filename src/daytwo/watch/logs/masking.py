"""Secrets in text: found by the formats that their makers document, or by what stands before them; and masked.

Every expression begins where no other match of it can have begun just before, and repeats within bounds, so that text
made to be slow is read in time that grows with its length only.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from daytwo.core.secrets import MASK, redact

_SHOWN = 4
"""Characters of a key of a known format that stay: they say what it is."""


class Found(NamedTuple):
    """A secret in a text.

    Args:
        kind: what it is; see `KNOWN` and `LIKELY`.
        begin: where it begins.
        end: where it ends.
    """

    kind: str
    begin: int
    end: int


class _Kind(NamedTuple):
    """What is looked for: `needles` are in lower case, and one of them is in whatever the expression matches. A group
    is the secret; without one, the whole match is."""

    name: str
    needles: tuple[str, ...]
    expression: re.Pattern[str]
    checked: bool = False


def _kind(name: str, needles: str, expression: str, *, checked: bool = False) -> _Kind:
    return _Kind(name, tuple(needles.split()), re.compile(expression), checked)


_START = r"(?<![A-Za-z0-9_-])"
_KNOWN = (
    _kind("aws_key", "akia asia", _START + r"(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    _kind("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", _START + r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    _kind("github_token", "github_pat_", _START + r"github_pat_[A-Za-z0-9_]{22,255}"),
    _kind("gitlab_token", "glpat-", _START + r"glpat-[A-Za-z0-9_-]{20,255}"),
    _kind("slack_token", "xox", _START + r"xox[abeoprs]-[A-Za-z0-9-]{10,255}", checked=True),
    _kind("slack_webhook", "hooks.slack.com", r"hooks\.slack\.com/services/([A-Z0-9]{6,20}/[A-Z0-9]{6,20}/\w{16,64})"),
    _kind("stripe_key", "k_live_ k_test_", _START + r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}"),
    _kind("stripe_key", "whsec_", _START + r"whsec_[A-Za-z0-9+/]{24,255}"),
    _kind("ai_key", "sk-", _START + r"sk-(?=[A-Za-z0-9_-]{0,200}\d)[A-Za-z0-9_-]{24,255}", checked=True),
    _kind("google_key", "aiza", _START + r"AIza[A-Za-z0-9_-]{35}"),
    _kind("google_token", "ya29.", _START + r"ya29\.[A-Za-z0-9_-]{20,2048}"),
    _kind("npm_token", "npm_", _START + r"npm_[A-Za-z0-9]{36}"),
    _kind("daytwo_token", "dt_", _START + r"dt_[A-Za-z0-9_-]{43}"),
    _kind("age_key", "age-secret-key-", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    _kind("jwt", "eyj", _START + r"eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,2048}"),
    _kind("private_key", "private key", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----"),
)
_WORDS = "password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential"
_LIKELY = (
    _kind("address_password", "://", r"://[^/\s:@\"']{0,128}:([^@\s\"']{1,256})@"),
    _kind("authorization", "authorization", r"(?i)authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:[a-z]{3,12}\s{1,3})?"
          r"([^\s\"',;]{6,8192})"),
    _kind("bearer", "bearer", r"(?i)\bbearer\s{1,3}(?=[\w.~+/=-]{0,200}\d)([\w.~+/=-]{16,8192})"),
    _kind("address_key", "key= sig= signature=", r"(?i)[?&](?:key|sig|signature)=([^&\s\"']{8,1024})"),
    _kind("assignment", "passw passphrase pwd secret token key credential",
          rf"(?i)(?:{_WORDS})\w{{0,20}}\\?[\"']?\s{{0,3}}[=:]\s{{0,3}}\\?(?:\"([^\"\\]{{1,1024}})|'([^'\\]{{1,1024}})|"
          r"([^\s\"'&,;)}\]\\]{4,1024}))"),
)  # fmt: skip
_NOTHING = re.compile(r"(?i)[*x.<>\[\](){}$-]*(?:null|none|nil|undefined|true|false|redacted|masked|hidden|invalid|"
                      r"expired|missing|required|incorrect|wrong)?[*x.<>\[\](){}$-]*")  # fmt: skip
"""What stands for a secret that is not there."""
_DIGIT = re.compile(r"\d")

KNOWN = frozenset(one.name for one in _KNOWN)
"""Kinds whose format leaves little doubt: fit for an alert."""
LIKELY = frozenset(one.name for one in _LIKELY)
"""Kinds told by what stands before them: fit for masking."""


def find_secrets(text: str) -> list[Found]:
    """Look for secrets.

    Args:
        text: any; at best one line.

    Returns:
        What was found, by where it begins; none overlaps with another, and one of `KNOWN` goes before one of `LIKELY`.
    """
    low = text.lower()
    found: list[Found] = []
    for group in (_KNOWN, _LIKELY):
        for kind in group:
            for needle in kind.needles:
                if needle in low:
                    found += _of(kind, text)
                    break
    return _apart(found) if len(found) > 1 else found


def mask(text: str) -> str:
    """The text without secrets: of those of a known format the beginning stays, so that it is clear what it was.

    Args:
        text: any; what this process has resolved as a secret is masked, too.
    """
    text = redact(text)
    found = find_secrets(text)
    if not found:
        return text
    parts, at = [], 0
    for one in found:
        shown = _SHOWN if one.kind in KNOWN and one.kind not in ("private_key", "slack_webhook") else 0
        parts += [text[at : one.begin + shown], MASK]
        at = one.end
    return "".join([*parts, text[at:]])


def _of(kind: _Kind, text: str) -> Iterator[Found]:
    for match in kind.expression.finditer(text):
        begin, end = match.span(match.lastindex or 0)
        if kind.name == "private_key":
            tail = text.find("-----END", end)
            yield Found(kind.name, begin, len(text) if tail < 0 else tail)
            if tail < 0:
                return
        elif kind.name in LIKELY and _NOTHING.fullmatch(text, begin, end):
            continue
        elif not kind.checked or _DIGIT.search(text, begin, end):
            yield Found(kind.name, begin, end)


def _apart(found: list[Found]) -> list[Found]:
    """By place, and those that overlap as one: of a kind of `KNOWN` where one of them is."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: one.begin):
        if not kept or one.begin >= kept[-1].end:
            kept.append(one)
            continue
        last = kept[-1]
        kind = one.kind if one.kind in KNOWN and last.kind not in KNOWN else last.kind
        kept[-1] = Found(kind, last.begin, max(last.end, one.end))
    return kept


__all__ = ["KNOWN", "LIKELY", "Found", "find_secrets", "mask"]
