"""`daytwo doctor`."""

import sys

import typer

from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json
from daytwo.cli.session import session
from daytwo.core.errors import ExitCode
from daytwo.core.terminal import colours

doctor = make("Check tools, versions, rights, disk and keys, each with its remedy.")


@doctor.command()
def run(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check tools, versions, rights, disk and keys, each with its remedy. Ends with 1 when something must be mended."""
    from daytwo.protect.doctor import Finding, Verdict, examine

    found: list[Finding] = []
    with session(config, as_json=json) as app, app.look("doctor") as work:
        for finding in examine(app.bench, work):
            found.append(finding)
            if not json:
                line(f"{_mark(finding.verdict)} {finding.topic}: {finding.text}")
                if finding.remedy:
                    line(f"          next: {finding.remedy}")
    bad = [one for one in found if one.verdict is Verdict.FAILED]
    if json:
        print_json([vars(one) for one in found])
    else:
        line(f"{len(bad)} to mend." if bad else "All is well.")
    raise typer.Exit(ExitCode.FAILED if bad else ExitCode.OK)


def _mark(verdict: str) -> str:
    colour = {"ok": "32", "warning": "33", "failed": "31"}[verdict]
    text = f"{verdict:<8}"
    return f"\033[{colour}m{text}\033[0m" if colours(sys.stdout) else text
