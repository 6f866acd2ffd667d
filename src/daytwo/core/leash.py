"""A program that only listens, such as `docker events`, on a leash: it ends when daytwo does, however that came."""

from dataclasses import replace

from daytwo.core.command import Command

# Such a program would notice the end of daytwo only when it has something to say, which may be far. So its standard
# input, which nobody writes to, is watched: when daytwo is gone, it is closed, and the shell ends the program.
_LEASH = (
    'exec 3<&0; "$@" 3<&- </dev/null & child=$!; '
    "{ read -r _ <&3; kill $child; } >/dev/null 2>&1 & watcher=$!; "
    "exec 3<&-; wait $child; code=$?; kill $watcher 2>/dev/null; exit $code"
)
_AS_ONE = 'exec "$@" 2>&1'


def leashed(inner: Command, *, as_one: bool = False) -> Command:
    """The command on a leash; it is to be started with `keep_stdin`, and ends when that is closed.

    Args:
        inner: what to run.
        as_one: have its error output come along with its output, in the order in which it was written.
    """
    argv = ("sh", "-c", _AS_ONE, "sh", *inner.argv) if as_one else inner.argv
    return replace(inner, argv=("sh", "-c", _LEASH, "sh", *argv), name=inner.name or inner.argv[0])
