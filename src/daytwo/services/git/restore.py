"""A repository restored beside the live one, and put in its place by renaming."""

from collections.abc import Mapping

from daytwo.core.command import command
from daytwo.core.errors import SourceError
from daytwo.core.fileset import site as sites
from daytwo.core.fileset import swap as swaps
from daytwo.core.fileset.site import C, Site
from daytwo.core.fileset.swap import Plan
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.service import Source, Staged, Swapped
from daytwo.services.git.repository import GitPlace, Repository
from daytwo.services.git.unpacking import BARE, TREE, check, counted, unpack

# Without its hooks and its remotes the restored repository would not do what the live one did. With an extension in its
# configuration the live one is of another make, and its configuration may not fit.
_TAKE_OVER = r"""
old=$1 new=$2
git config --file "$old/config" --name-only --get-regexp '^extensions\.' >/dev/null 2>&1
if [ $? -ne 1 ] || ! [ -f "$old/config" ]; then echo no; exit 0; fi
cp -p -- "$old/config" "$new/config"
for name in hooks description info/exclude info/attributes; do
  if [ -e "$old/$name" ]; then mkdir -p -- "$(dirname -- "$new/$name")" && cp -pPR -- "$old/$name" "$new/$name"; fi
done
"""
_OWN = r"""
new=$1 like=$2
while ! [ -e "$like" ]; do like=$(dirname -- "$like"); done
[ "$(stat -c %u:%g -- "$new")" = "$(stat -c %u:%g -- "$like")" ] ||
  chown -hR "$(stat -c %u:%g -- "$like")" "$new" 2>/dev/null || echo "no"
if [ "$like" = "$2" ]; then chmod "$(stat -c %a -- "$like")" "$new"; else chmod 755 "$new"; fi
"""


class StagedRepository(Staged):
    """A repository beside the live one.

    Args:
        plan: how it is put in use.
        counts: its references and commits.
        warnings: what is not as it was.
        run: the restore's run.
    """

    def __init__(self, plan: Plan, counts: Mapping[str, int], warnings: tuple[str, ...], run: Run) -> None:
        self.counts = counts
        self.warnings = warnings
        self._plan = plan
        self._run = run

    def swap(self) -> Swapped:
        """Put it in use by renaming; the folder from before is kept with all that was in it.

        Raises:
            CommandError: it did not work; everything is as it was before.
        """
        return swaps.swap(self._plan, self._run)

    def discard(self) -> None:
        """Remove it."""
        swaps.discard(self._plan, self._run)


def plan_for(place: GitPlace, site: Site, run: Run) -> Plan:
    """Where to stage, and how to put it in use.

    Raises:
        SourceError: what is at the path is no folder.
    """
    if site.what not in ("folder", "missing"):
        raise SourceError(f"{site.path} is no folder", where=str(place.target), hint="Move it away")
    beside = site.what == "missing" or (site.beside and sites.renameable(place.target, site.path, run))
    return Plan(place.target, site.path, run.id[:8], inside=not beside)


def stage_repository(place: GitPlace, source: Source, run: Run) -> StagedRepository:
    """Make the repository beside the live one, check it, and check out its branch where it has a work tree.

    Raises:
        IntegrityError, CommandError, SourceError: after removing what was staged.
    """
    site = place.look(run)
    shape = place.shape(site.path, run) if site.what == "folder" else "missing"
    bare = shape == "bare" if shape in ("bare", "tree") else _was_bare(place, source)
    plan = plan_for(place, site, run)
    swaps.make_way(plan, run)
    sites.make_folder(place.target, plan.new, run)
    try:
        made, head = unpack(place.target, plan.new, source, bare=bare, run=run)
        check(made, run)
        counts = counted(made, head, run)
        if not bare and made.head(run):
            made.say(run, f"--work-tree={plan.new}", "reset", "--quiet", "--hard", "HEAD")
        warnings = _take_over(place, site.path, shape, made, plan, run)
        # From here on its configuration is another's: git is not run in it again.
        if capture(place.target, command("sh", "-c", _OWN, "sh", plan.new, site.path, env=C), run).text:
            warnings += ("the restored files belong to the user that restored them, who may not give them away",)
    except BaseException:
        swaps.discard(plan, run)
        raise
    return StagedRepository(plan, counts, warnings, run)


def _was_bare(place: GitPlace, source: Source) -> bool:
    contents = source.record.contents
    return BARE in contents or (TREE not in contents and place.path.rstrip("/").endswith(".git"))


def _take_over(
    place: GitPlace, live: str, shape: str, made: Repository, plan: Plan, run: Run
) -> tuple[str, ...]:  # fmt: skip
    """Give it the configuration and the hooks of the live repository, as a bundle has none."""
    warnings: tuple[str, ...] = ()
    kept = False
    if shape == ("bare" if made.bare else "tree"):
        old = Repository(place.target, live, made.bare).folder
        script = command("sh", "-c", _TAKE_OVER, "sh", old, made.folder, env=C)
        kept = not capture(place.target, script, run).text
    if not kept:
        warnings += ("a bundle has no hooks, remotes or other configuration: set them again",)
    if shape == "tree":
        warnings += (
            f"what was not committed (ignored files, such as .env, too) is not restored but kept in {plan.old}",
        )
    return warnings
