"""`daytwo config`: check, show, schema."""

import json as json_module

from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json

config = make("Check the configuration; show it whole; print its JSON Schema.")


@config.command()
def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check the configuration: every mistake at once, with its line and the nearest valid name."""
    from daytwo.config import load

    loaded = load(config)
    if json:
        print_json(
            {
                "path": loaded.path,
                "app": loaded.app,
                "environment": loaded.environment,
                "fingerprint": loaded.fingerprint,
            }
        )
        return
    line(
        f"{loaded.path} is right: {loaded.app} ({loaded.environment}), {len(loaded.services)} services, "
        f"{len(loaded.repositories)} repositories, {len(loaded.backups)} backups"
    )


@config.command()
def show(config: ConfigOption = None) -> None:
    """Print the configuration as it counts: recipes merged, defaults filled in, secrets as references."""
    from daytwo.config import load
    from daytwo.config import show as text

    line(text(load(config)).rstrip())


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    from daytwo.config import schema as make_schema

    line(json_module.dumps(make_schema(), indent=2))
