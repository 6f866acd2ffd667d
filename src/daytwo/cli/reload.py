"""`daytwo reload`: have the daemon read its configuration again."""

from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json

reload = make("Have the daemon read its configuration again.")


@reload.command()
def run(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Have the daemon read its configuration again. With a mistake in it, everything stays as it is."""
    from daytwo.config import find
    from daytwo.serve.client import Client

    path = (config or find()).absolute()
    folder = (path if path.is_dir() else path.parent) / ".daytwo"
    done = Client(folder).call("POST", "/api/config/reload")
    if json:
        print_json(done)
        return
    line(f"Reloaded ({done['fingerprint'][:12]}).")
    for name in done["at_next_start"]:
        line(f"  {name} has changed and counts from the next start on")
