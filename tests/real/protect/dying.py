"""The real command, in a process that can be made to die at any moment. Run by the tests of this folder.

Arguments: the configuration file, the moment of death (`STEP:begin`, `STEP:end`, `COMPONENT:BYTES` or `never`), then
the command line as after `daytwo`.
"""

import os
import signal
import sys
from typing import Any

from daytwo import app as app_module
from daytwo.cli.main import run
from daytwo.core.run import Progress


def main() -> None:
    """See the module's docstring."""
    config, death, *argv = sys.argv[1:]
    os.environ["DAYTWO_CONFIG"] = config
    original = app_module.App.__init__

    def watch(run: str, step: str, moment: str) -> None:
        if death == f"{step}:{moment}":
            os.kill(os.getpid(), signal.SIGKILL)

    def init(self: app_module.App, *args: Any, **options: Any) -> None:
        shown = options.get("on_progress", lambda progress: None)

        def on_progress(progress: Progress) -> None:
            shown(progress)
            part, _, size = death.rpartition(":")
            if part == progress.part and size.isdigit() and progress.done >= int(size):
                os.kill(os.getpid(), signal.SIGKILL)

        original(self, *args, **(options | {"watch": watch, "on_progress": on_progress}))

    app_module.App.__init__ = init  # type: ignore[method-assign]
    sys.exit(run(argv))
