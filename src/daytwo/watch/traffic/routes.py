"""Routes: the paths of requests, with what changes from one request to the next taken out.

A scanner asks for thousands of paths that are not there, so a route of its own is only what has answered well a few
times, and there are at most so many of them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

OTHER = "other"
"""The route of what has none of its own."""
FILES = "files"
"""The route of pictures, scripts, fonts and the like."""
MOST = 50
"""Routes of one log beside those that are configured."""
NEEDED = 3
"""Requests that must have answered well before a path is a route."""
_CANDIDATES = 2000
_REMEMBERED = 10_000
_LONGEST_PATH = 300
_LONGEST = 80
_DEPTH = 6
_FILE = re.compile(
    r"\.(?:css|m?js|map|png|jpe?g|gif|svg|ico|webp|avif|bmp|woff2?|ttf|otf|eot|mp[34]|webm|ogg|wasm|webmanifest)$", re.I
)
_WORD = re.compile(r"[A-Za-z0-9._~-]{1,40}")
_ID = re.compile(
    r"\d+|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=[a-z]*\d)[0-9a-f]{8,}|(?=\D*\d)[\w-]{16,}", re.I | re.A
)
_NOT_SLUG = re.compile(r"[^a-z0-9_]+")


class Routes:
    """The routes of one log.

    Args:
        configured: paths by name, such as `/api/posts/{id}` and `/static/*`; they come first, in this order.
        known: routes that there were before.
    """

    def __init__(self, configured: Mapping[str, str], known: Iterable[str] = ()) -> None:
        self._configured = [(name, _pattern(path)) for name, path in configured.items()]
        self._known = set(list(known)[:MOST]) - set(configured) - {OTHER}
        self._candidates: Counter[str] = Counter()
        self._remembered: dict[str, tuple[str, bool]] = {}

    def of(self, path: str, status: int) -> str:
        """The route of a request.

        Args:
            path: as asked for, with its query.
            status: of the answer: 2xx is what makes a path a route.
        """
        found = self._remembered.get(path)
        if found is None:
            found = self._look_up(path)
        slug, certain = found
        if certain or slug in self._known:
            return slug
        return slug if 200 <= status < 300 and self._admitted(slug) else OTHER

    def _look_up(self, path: str) -> tuple[str, bool]:
        """The route that a path may have, and whether it has it for certain."""
        bare = path[:_LONGEST_PATH].partition("?")[0].partition("#")[0]
        found = next(((name, True) for name, pattern in self._configured if pattern.fullmatch(bare)), None)
        found = found or ((slug_of(bare), False) if bare.startswith("/") else (OTHER, True))
        if len(path) <= _LONGEST_PATH:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[path] = found
        return found

    def _admitted(self, slug: str) -> bool:
        if len(self._known) >= MOST:
            return False
        self._candidates[slug] += 1
        if self._candidates[slug] >= NEEDED:
            del self._candidates[slug]
            self._known.add(slug)
            return True
        if len(self._candidates) > _CANDIDATES:
            self._candidates = Counter(dict(self._candidates.most_common(_CANDIDATES // 2)))
        return False


def slug_of(path: str) -> str:
    """A path as one word: `/api/posts/17/comments` is `api-posts-id-comments`, `/` is `root`.

    Args:
        path: without its query, beginning with `/`.
    """
    if _FILE.search(path):
        return FILES
    words = [_word(one) for one in path.split("/")[: _DEPTH + 2] if one][:_DEPTH]
    return _NOT_SLUG.sub("-", "-".join(words).lower())[:_LONGEST].strip("-") or "root"


def _word(segment: str) -> str:
    return "id" if not _WORD.fullmatch(segment) or _ID.fullmatch(segment) else segment


def _pattern(path: str) -> re.Pattern[str]:
    """A path of the configuration as an expression: `{...}` is one part of it, `*` is anything.

    What follows a `*` is looked for once, from the left, so that no path takes long.
    """
    pieces = re.split(r"\*+", path.rstrip("/") if path != "/" else path)
    first, *between = [_piece(one) for one in pieces]
    if not between:
        return re.compile(first + "/?")
    last = between.pop()
    middle = "".join(f"(?>.*?{one})" for one in between)
    return re.compile(f"{first}{middle}.*{last}", re.S)


def _piece(text: str) -> str:
    return "".join("[^/]+" if one.startswith("{") else re.escape(one) for one in re.split(r"(\{[^}/]*\})", text))


__all__ = ["FILES", "MOST", "NEEDED", "OTHER", "Routes", "slug_of"]
