"""Commands that a user has run before and after a backup, and when it fails."""

from collections.abc import Mapping, Sequence

from daytwo.config.models import Hook
from daytwo.core.command import Command
from daytwo.core.errors import CommandError, DaytwoError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import LOCAL, Target
from daytwo.protect.workbench import Workbench


def run_hooks(hooks: Sequence[Hook], moment: str, bench: Workbench, run: Run, env: Mapping[str, str]) -> None:
    """Run hooks in their order.

    Args:
        hooks: what to run.
        moment: `before`, `after` or `on_failure`, for the message.
        bench: the workbench.
        run: the run they belong to.
        env: what they are told of the run, as environment variables.

    Raises:
        CommandError: one of them did not exit with 0; the later ones are not run.
    """
    for hook in hooks:
        target: Target = bench.services[hook.service].target if hook.service else LOCAL
        try:
            with run.limited(float(hook.timeout)) as part:
                capture(target, Command(hook.run, env=env, where=f"{moment} hook"), part)
        except DaytwoError as error:
            run.check()  # a cancelled run is no failed hook
            raise CommandError(
                f"`{' '.join(hook.run)}` failed: {error.what}", where=f"{moment} hook", hint=error.hint
            ) from None
