"""A probe: any program that answers as monitoring plug-ins do."""

import time
from dataclasses import replace

from daytwo.core.check import Measure, Observation, ProgramCheck, Timing, Unit
from daytwo.core.errors import UnreachableError
from daytwo.core.explain import explain
from daytwo.core.process import Completed
from daytwo.core.reading import ask
from daytwo.core.run import Run
from daytwo.core.target import Container
from daytwo.services.command import Argv, CommandService
from daytwo.services.command.perfdata import Said, read

READY = Timing(every=60, timeout=30)
_OK, _WARNING, _UNKNOWN = 0, 1, 3
_TAKEN = tuple(range(126))
"""Exit codes that are the program's own; 126 and 127 say that it could not be started."""
_MOST_MEASURES = 100
_DURATION = Measure("duration", Unit.SECONDS, "until the probe had ended")


class ProbeCheck(ProgramCheck):
    """What a program says: by its exit code, its first line, and the numbers after `|`.

    A warning is a failed observation whose facts say `level: warning`. Whatever exit code is not of the convention is
    a failure: a program that knows nothing of it does not end with 0 when something is wrong.
    """

    about = "what a program of yours says"
    measures: tuple[Measure, ...] = (_DURATION,)

    def __init__(self, name: str, service: str, timing: Timing, of: CommandService, argv: Argv) -> None:
        super().__init__(name, service, timing)
        self._of = of
        self._argv = argv

    def look(self, run: Run) -> Observation:
        """Run it."""
        begun = time.monotonic()
        done = self._ended(run)
        took = time.monotonic() - begun
        said = read(done.stdout.decode("utf-8", "replace"))
        numbers = {_DURATION.name: took} | self._numbers(said)
        if done.code == _OK:
            return Observation.ok(numbers, {"said": said.line} if said.line else {})
        program = self._argv[0].rsplit("/", 1)[-1]
        why = said.line or f"{program} ended with code {done.code} and said nothing"
        if done.code == _UNKNOWN:
            return Observation.inconclusive(why)
        level = "warning" if done.code == _WARNING else "critical"
        return Observation.failed(why, numbers, {"level": level, "code": str(done.code)})

    def _ended(self, run: Run) -> Completed:
        target = self._of.target
        inner = self._of.command(self._argv)
        outer = target.wrap(inner)
        done = ask(target, replace(inner, ok=_TAKEN), run)
        if done.code and not done.stdout.strip() and isinstance(target, Container):
            error = explain(outer, self._argv[0], done.code, done.stderr)
            if isinstance(error, UnreachableError):  # of the way there, whose programs end with small numbers, too
                raise error
        return done

    def _numbers(self, said: Said) -> dict[str, float]:
        """Its numbers; what is new among them is a measure from now on."""
        known = {one.name for one in self.measures}
        new = [one.measure for one in said.data if one.measure.name not in known]
        self.measures = (*self.measures, *new)[:_MOST_MEASURES]
        known = {one.name for one in self.measures} - {_DURATION.name}
        return {one.measure.name: one.value for one in said.data if one.measure.name in known}
