"""Which files: paths, patterns and what is left out. Pure functions of the settings; nothing is looked at."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from posixpath import basename, commonpath, dirname, normpath

OWN = ("*.daytwo-new-????????", "*.daytwo-before-????????", "*.daytwo-swap-????????", "*.daytwo-swap-????????.out")
"""What restores leave beside the data; never part of a dump."""

_CLASS = re.compile(r"\[(?:\[|[!^]?(?:[^]\[!^/-](?:-[^]\[!^/-])?)+)\]")
"""`[abc]`, `[a-z]`, `[!abc]`, and `[[]`."""


@dataclass(frozen=True)
class Choice:
    """A choice of files at one place.

    Args:
        paths: absolute paths of a folder, of files, or patterns with `*`, `?` and `[...]`.
        excludes: patterns of what is left out. One without a slash is the name of a file or folder anywhere; one with
            a slash in it, or before it, is a path from the folder on. `*` does not match a slash. What is below a match
            goes with it.
        one_file_system: leave out what is mounted inside the folder.
        follow: take what a symbolic link points to rather than the link.
    """

    paths: tuple[str, ...]
    excludes: tuple[str, ...] = ()
    one_file_system: bool = False
    follow: bool = False

    @property
    def single(self) -> str | None:
        """The one path, where it is one and no pattern: a folder or a file."""
        return normpath(self.paths[0]) if len(self.paths) == 1 and not has_wildcard(self.paths[0]) else None

    @property
    def base(self) -> str:
        """The folder that the members of a selection are named from: the deepest that holds all of it."""
        return commonpath([_fixed(normpath(path)) for path in self.paths])

    @property
    def patterns(self) -> tuple[str, ...]:
        """The paths and patterns, from the base on, each beginning with `./`."""
        skip = len(self.base.rstrip("/")) + 1
        return tuple("./" + normpath(path)[skip:] for path in self.paths)

    @property
    def globs(self) -> tuple[str, ...]:
        """The patterns for a shell: they match all that `takes` does, and maybe more."""
        return tuple(_widened(pattern) for pattern in self.patterns)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The excludes, daytwo's own leftovers included: `/a/b` counts from the folder on, `b` is a name anywhere."""
        return (*OWN, *(_clean(pattern) for pattern in self.excludes))

    def exclude_options(self) -> Iterator[str]:
        """The excludes as options of GNU tar in the C locale: they leave out nothing that `leaves_out` does not.

        There a byte is a letter, so a pattern with a class that may be of other letters than ASCII's is missing.
        """
        for pattern in self.left_out:
            for plain in _of_bytes(pattern):
                # With `*/` before it, a pattern like `?` does not match the folder `.` itself.
                yield f"--exclude={'.' if plain.startswith('/') else '*/'}{plain}"

    def exclude_tests(self) -> Iterator[str]:
        """The excludes, without daytwo's own, as tests of `find`; they find all that is left out, and maybe more."""
        for number, pattern in enumerate(_widened(_clean(one)) for one in self.excludes):
            yield from ("-o",) if number else ()
            yield from ("-path", f".{pattern}") if pattern.startswith("/") else ("-name", pattern)

    def leaves_out(self, path: str) -> bool:
        """Whether a path from the folder on is excluded, by itself or by a folder above it."""
        return self._left_out.search(path) is not None

    def takes(self, path: str) -> bool:
        """Whether a path from the base on belongs to the selection."""
        return self._taken.search(path) is not None

    def unmatched(self, found: Iterable[str]) -> list[str]:
        """Those of the paths and patterns that none of these paths, from the base on, is one of."""
        left = list(self._matchers)
        for one in found:
            left = [path for path in left if not self._matchers[path].search(one)]
        return left

    @cached_property
    def _left_out(self) -> re.Pattern[str]:
        return _compiled(self.left_out)

    @cached_property
    def _matchers(self) -> dict[str, re.Pattern[str]]:
        pairs = zip(self.paths, self.patterns, strict=True)
        return {path: _compiled((pattern[1:],), hidden=False) for path, pattern in pairs}

    @cached_property
    def _taken(self) -> re.Pattern[str]:
        return _compiled(tuple(pattern[1:] for pattern in self.patterns), hidden=False)

    def __str__(self) -> str:
        return ", ".join(self.paths)


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that tar, find, restic and daytwo would not all understand alike.

    Raises:
        ValueError: it has a backslash, or a bracket that is no plain class.
    """
    if "\\" in pattern:
        raise ValueError(f"{pattern}: a backslash is not understood; `[*]` is a star, `[[]` a bracket")
    rest = pattern
    for found in _CLASS.findall(pattern):
        rest = rest.replace(found, "", 1)
        try:
            re.compile(_regex(found))
        except re.error:
            raise ValueError(f"{pattern}: {found} is from a later letter to an earlier one") from None
    if "[" in rest:
        raise ValueError(f"{pattern}: a bracket is not closed, or holds what is not understood; `[[]` is a bracket")


def check_exclude(pattern: str) -> None:
    """Refuse a pattern of what is left out that is no name, and no path from the folder on.

    restic takes `.` and an empty name for the folder itself and would leave out everything.

    Raises:
        ValueError: it is none, or one that is not understood alike everywhere.
    """
    check_pattern(pattern)
    parts = _clean(pattern).removeprefix("/").split("/")
    if any(not part.strip() or part in (".", "..") for part in parts):
        raise ValueError(f"'{pattern}' is neither a name nor a path from the folder on, such as `cache` or `/logs/old`")
    if "**" in parts or (pattern.startswith("**/") and len(parts) > 1):
        raise ValueError(f"{pattern}: ** is not understood there; a name without a slash is left out anywhere")


def has_wildcard(path: str) -> bool:
    """Whether it is a pattern rather than a path."""
    return any(letter in path for letter in "*?[")


def parent_and_name(path: str) -> tuple[str, str]:
    """A path's folder and its last part."""
    return dirname(path), basename(path)


def _fixed(path: str) -> str:
    """The folder of a path or pattern, up to where it varies."""
    folder = dirname(path)
    while has_wildcard(folder):
        folder = dirname(folder)
    return folder


def _clean(pattern: str) -> str:
    """A pattern in one of two forms, `/from/the/folder` or `name-anywhere`."""
    anchored = pattern.startswith(("/", "./"))
    pattern = re.sub("/+", "/", pattern)
    clean = pattern.removeprefix("./").strip("/").removeprefix("**/").removesuffix("/**")
    return "/" + clean if anchored or "/" in clean else clean


def _widened(pattern: str) -> str:
    """A pattern that matches as much and maybe more, of which every shell and every locale thinks the same."""
    return _CLASS.sub("*", pattern).replace("?", "*")


def _of_bytes(pattern: str) -> Iterator[str]:
    """The pattern where each byte is a letter, such that it matches no more than among letters; none where it cannot.

    Bytes beyond ASCII are no way out: `docker exec` takes text only.
    """
    if all(found.isascii() and found[1] not in "!^" for found in _CLASS.findall(pattern)):
        yield pattern.replace("?", "[ -~]")


def _compiled(patterns: tuple[str, ...], *, hidden: bool = True) -> re.Pattern[str]:
    """One regular expression that finds any of the patterns in a path, or above it.

    Args:
        patterns: in the form of `_clean`.
        hidden: whether a wildcard matches the dot that a name begins with, as it does not in a shell.
    """
    parts = [f"^{_regex(p[1:], hidden)}" if p.startswith("/") else f"(?:^|/){_regex(p, hidden)}" for p in patterns]
    return re.compile(f"(?:{'|'.join(parts)})(?:/|$)", re.DOTALL)


def _regex(pattern: str, hidden: bool = True) -> str:
    """A pattern as a regular expression; as in a shell, wildcards do not match a slash."""
    out, at = "", 0
    while at < len(pattern):
        letter = pattern[at]
        end = pattern.find("]", at + 2) if letter == "[" else -1
        if not hidden and letter in "*?[" and pattern[at - 1 : at] in ("", "/"):
            out += r"(?!\.)"
        if end > 0:
            inside = pattern[at + 1 : end].replace("\\", r"\\").replace("[", r"\[")
            out += f"[^{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]"
            at = end
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(letter, re.escape(letter))
        at += 1
    return out
