"""`daytwo status`: answers from the state alone, fast enough to be typed without thinking."""

from datetime import UTC, datetime

import typer

from daytwo.cli.options import ConfigOption, JsonOption, QuietOption, make
from daytwo.core.errors import ExitCode

status = make("Is anything wrong? Is everything protected? What ran last, what is due.")


@status.command()
def run(config: ConfigOption = None, json: JsonOption = False, quiet: QuietOption = False) -> None:
    """Is anything wrong, is everything protected, what is next? Ends with 1 when something is not as it should be.

    That is a backup that is not as its schedule says, an incident that is not resolved, or a critical alert that is
    not over.
    """
    from daytwo.cli.books import glanced
    from daytwo.config import glimpse
    from daytwo.protect.status import assess

    loaded = glimpse(config)
    now = datetime.now(UTC)
    seen, wrong = glanced(loaded)
    stands = assess(loaded.backups, loaded.timezone, seen, now)
    urgent = bool(wrong.incidents) or any(one.level == "critical" for one in wrong.alerts)
    if json:
        from daytwo.cli.output import print_json

        print_json(
            {
                "app": loaded.app,
                "environment": loaded.environment,
                "now": now,
                "backups": [vars(one) for one in stands],
                "runs": [vars(one) for one in seen.runs[:10]],
                "incidents": [vars(one) for one in wrong.incidents],
                "alerts": [vars(one) for one in wrong.alerts],
            }
        )
    elif not quiet or urgent or any(not one.health.well for one in stands):
        from daytwo.cli.output import use_zone
        from daytwo.cli.status_text import tell
        from daytwo.core.schedule import zone_of

        use_zone(zone_of(loaded.timezone))
        tell(loaded.app, loaded.environment, stands, seen, wrong, now)
    good = stands and not urgent and all(one.health.well for one in stands)
    raise typer.Exit(ExitCode.OK if good else ExitCode.FAILED)
