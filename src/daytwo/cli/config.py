"""`daytwo config`: check, show, schema."""

import json as json_module
from typing import TYPE_CHECKING

from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json

if TYPE_CHECKING:
    from daytwo.config import Config

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
    for warning in (*_gaps(loaded), *_twice(loaded)):
        line(f"  {warning}")


def _gaps(loaded: "Config") -> list[str]:
    """The rotas in which nobody is on call at some time of the next two months."""
    from datetime import timedelta

    from daytwo.app import utc_now
    from daytwo.core.schedule import zone_of
    from daytwo.respond.oncall import gaps

    now, zone, found = utc_now(), zone_of(loaded.timezone), []
    for name, rota in loaded.oncall.items():
        if rota.gaps == "allow":
            continue
        for gap in gaps(rota, loaded.timezone, now, now + timedelta(days=62))[:1]:
            begin, end = (f"{at.astimezone(zone):%a %Y-%m-%d %H:%M %Z}" for at in (gap.begin, gap.end))
            found.append(f"warning: nobody is on call in {name} from {begin} to {end}; everybody of it is told then")
    return found


def _twice(loaded: "Config") -> list[str]:
    """Who is told of the same thing by a route and by an incident that it opens at once."""
    from daytwo.app import utc_now
    from daytwo.respond.oncall.twice import twice
    from daytwo.respond.pipeline.stages import routes_of

    return [f"warning: {one}" for one in twice(loaded, routes_of(loaded), utc_now())]


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
