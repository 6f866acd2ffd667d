"""`daytwo status`: answers from the state alone, fast enough to be typed without thinking."""

from datetime import UTC, datetime

import typer

from daytwo.cli.options import ConfigOption, JsonOption, QuietOption, make
from daytwo.core.errors import ExitCode

status = make("Is everything protected? What ran last, what is due.")


@status.command()
def run(config: ConfigOption = None, json: JsonOption = False, quiet: QuietOption = False) -> None:
    """Is everything protected? What ran last, what is due. Ends with 1 when something is not as it should be."""
    from daytwo.cli.books import glanced
    from daytwo.config import glimpse
    from daytwo.protect.status import assess

    loaded = glimpse(config)
    now = datetime.now(UTC)
    seen = glanced(loaded)
    stands = assess(loaded.backups, loaded.timezone, seen, now)
    if json:
        from daytwo.cli.output import print_json

        print_json(
            {
                "app": loaded.app,
                "environment": loaded.environment,
                "now": now,
                "backups": [vars(one) for one in stands],
                "runs": [vars(one) for one in seen.runs[:10]],
            }
        )
    elif not quiet or any(not one.health.well for one in stands):
        from daytwo.cli.output import use_zone
        from daytwo.cli.status_text import tell
        from daytwo.core.schedule import zone_of

        use_zone(zone_of(loaded.timezone))
        tell(loaded.app, loaded.environment, stands, seen, now)
    good = stands and all(one.health.well for one in stands)
    raise typer.Exit(ExitCode.OK if good else ExitCode.FAILED)
