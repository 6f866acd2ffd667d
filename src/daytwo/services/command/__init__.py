"""Any program: for data that has a dump program of its own and no kind of service here, and to probe anything.

A foreign program cannot restore beside the live data. So a restore reads the whole dump, checks it (with `verify`
where there is one), and only when it is put in use runs `restore`, which then writes to the live data itself. What was
there before is kept by the safety snapshot alone.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from daytwo.core.check import Check
from daytwo.core.command import Command, command
from daytwo.core.errors import CommandError, DaytwoError, IntegrityError, SourceError, UsageError
from daytwo.core.fileset.site import machine
from daytwo.core.manifest import ComponentRecord, Identity
from daytwo.core.process import CHUNK, Process
from daytwo.core.run import Run
from daytwo.core.secrets import SecretRef
from daytwo.core.service import (
    Component,
    Dump,
    DumpFacts,
    Phase,
    Service,
    ServiceSettings,
    Source,
    Staged,
    Swapped,
    Verification,
)
from daytwo.core.units import Size

Argv = tuple[str, ...]


class CommandSettings(ServiceSettings):
    """Settings of kind `command`."""

    dump: Argv | None = Field(default=None, description="program and arguments; its standard output is the dump")
    restore: Argv | None = Field(default=None, description="program and arguments that take a dump on standard input")
    verify: Argv | None = Field(default=None, description="program and arguments that check a dump on standard input")
    probe: Argv | None = Field(
        default=None,
        description="program and arguments that say how it is, as monitoring plug-ins do: end with 0 (ok), 1 "
        "(warning), 2 (critical) or 3 (unknown), say why in a line, and give numbers after `|`",
    )
    name: str = Field(
        default="dump", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="end of the dump's file name: `json.gz`"
    )
    env: Mapping[str, str] = Field(default={}, description="environment variables for the programs")
    secrets: Mapping[str, SecretRef] = Field(default={}, description="environment variables with secret values")
    smallest: Size = Field(default=Size(1), description="a smaller dump is not believed")
    when: Literal["databases", "files"] = Field(
        default="databases", description="whether it is dumped with the databases, or after them with the files"
    )

    @model_validator(mode="after")
    def _programs(self) -> Self:
        for argv in (self.dump, self.restore, self.verify, self.probe):
            if argv is not None and not (argv and argv[0]):
                raise ValueError("a program and its arguments, as a list: [pg_dumpall, --globals-only]")
        if self.dump is None and self.probe is None:
            raise ValueError("give `dump` (a program that is backed up), `probe` (one that says how it is), or both")
        useless = [name for name in ("restore", "verify") if self.dump is None and getattr(self, name) is not None]
        if useless:
            raise ValueError(f"{' and '.join(useless)} without `dump`: there would be nothing to read")
        return self


class CommandService(Service[CommandSettings]):
    """Any program's output."""

    kind = "command"
    summary = "the output of any program"
    Settings = CommandSettings

    def components(self) -> tuple[Component, ...]:
        """One dump; none where there is only a probe."""
        return (CommandComponent(self, self.settings.dump),) if self.settings.dump else ()

    def checks(self) -> tuple[Check, ...]:
        """What its probe says."""
        if self.settings.probe is None:
            return ()
        from daytwo.services.command.checks import READY, ProbeCheck

        return (ProbeCheck(self.name, self.name, self.timing(READY), self, self.settings.probe),)

    def tools(self) -> tuple[str, ...]:
        """The programs."""
        s = self.settings
        return tuple(dict.fromkeys(argv[0] for argv in (s.dump, s.restore, s.verify, s.probe) if argv))

    def command(self, argv: Argv) -> Command:
        """One of its programs with its environment.

        Raises:
            SecretError: a secret cannot be had.
        """
        program = argv[0]
        if self.target.is_local and "/" in program:
            program = str(self.place.path(program))
        secrets = {name: self.secret(ref, f"secrets.{name}") for name, ref in self.settings.secrets.items()}
        return command(program, argv[1:], env=self.settings.env, secrets=secrets)


class CommandDump(Dump):
    """A program's output."""

    def __init__(self, process: Process, component: "CommandComponent", run: Run) -> None:
        self._process = process
        self._component = component
        self._run = run
        self._size = 0

    def chunks(self) -> Iterator[bytes]:
        """The output.

        Raises:
            SourceError: there is too little of it.
            CommandError: the program failed.
        """
        for chunk in self._process.chunks():
            self._size += len(chunk)
            yield chunk
        if self._size < self._component.smallest:
            raise SourceError(
                f"the program wrote {self._size} bytes, fewer than the {self._component.smallest} it must write",
                where=self._component.service,
                hint="Run it by hand and look at its output",
            )

    def facts(self) -> DumpFacts:
        """Its size."""
        return DumpFacts(
            source=self._component.identified(Size(self._size).human, self._run),
            counts={"bytes": self._size},
            tools={"program": self._component.program},
        )


class CommandComponent(Component):
    """What a program writes."""

    def __init__(self, service: CommandService, argv: Argv) -> None:
        settings = service.settings
        super().__init__(
            service.name,
            f"{service.name}.{settings.name}",
            kind="command",
            format=settings.name,
            phase=Phase.FILES if settings.when == "files" else Phase.DATABASE,
            secret=settings.secret,
            smallest=int(settings.smallest),
        )
        self.program = argv[0]
        self._argv = argv
        self._service = service

    def dump(self, run: Run) -> AbstractContextManager[Dump]:
        """Start the program."""
        return self._dump(run)

    @contextmanager
    def _dump(self, run: Run) -> Iterator[Dump]:
        service = self._service
        with Process(service.target, service.command(self._argv), run) as process:
            yield CommandDump(process, self, run)

    def identified(self, holds: str, run: Run) -> Identity:
        """The machine (and container) and the program. Its arguments may be private and are only hashed."""
        service = self._service
        digest = sha256("\0".join(service.settings.restore or self._argv).encode()).hexdigest()[:16]
        return Identity(
            label=f"what {self.program} dumps on {service.target}",
            id=f"{machine(service.target, run)}:{digest}",
            holds=holds,
        )

    def identity(self, run: Run) -> Identity:
        """What is in it now only its own programs know."""
        return self.identified("unknown", run)

    def verify(self, source: Source, run: Run) -> Verification:
        """Read it to its end, with the `verify` program where there is one.

        Raises:
            IntegrityError: the program does not take it.
        """
        argv = self._service.settings.verify
        file = source.file()
        size = file.stat().st_size
        if size < self.smallest:
            raise IntegrityError(f"{self.name} has {size} bytes, fewer than the {self.smallest} it must have")
        if argv is None:
            return Verification(tool="checksum (no `verify` program is configured)", counts={"bytes": size})
        try:
            self.feed(argv, file, run)
        except CommandError as error:
            raise IntegrityError(
                f"{argv[0]} does not take it: {error.what}", where=self.name, hint="Restore from another snapshot"
            ) from None
        return Verification(tool=argv[0], counts={"bytes": size})

    def feed(self, argv: Argv, file: Path, run: Run) -> None:
        """Give a dump to a program on standard input, and warn where it stopped reading before the end.

        Raises:
            CommandError: it failed.
        """
        fed = 0

        def chunks() -> Iterator[bytes]:
            nonlocal fed
            with file.open("rb") as source:
                while data := source.read(CHUNK):
                    run.check()
                    yield data
                    fed += len(data)

        with Process(self._service.target, self._service.command(argv), run, stdin=chunks()) as process:
            while process.stdout.read(CHUNK):
                pass
            process.finish()
        if fed < file.stat().st_size:
            run.warn(f"{self.name}: {argv[0]} did not read all of it")

    def obstacles(self, record: ComponentRecord, run: Run) -> tuple[str, ...]:
        """No `restore` program."""
        if self._service.settings.restore is None:
            return (
                f"{self.service} has no `restore` program: set services.{self.service}.restore, "
                f"or `daytwo extract {self.name}` and restore by hand",
            )
        return ()

    def stage(self, source: Source, run: Run, only: tuple[str, ...] = ()) -> Staged:
        """Read and check the whole dump. Nothing is written until it is swapped.

        Raises:
            IntegrityError, UsageError
        """
        if only:
            raise UsageError(f"{self.name} is one piece", hint="Restore it whole")
        restore = self._service.settings.restore
        if restore is None:
            raise UsageError(self.obstacles(source.record, run)[0])
        checked = self.verify(source, run)
        return StagedCommand(self, restore, source.file(), checked.counts, run)


class StagedCommand(Staged):
    """A dump that was read and checked; the live data is still as it was, and nothing was written beside it."""

    warnings = ("its `restore` program writes to the live data itself; only the safety snapshot keeps what was there",)

    def __init__(
        self, component: CommandComponent, argv: Argv, file: Path, counts: Mapping[str, int], run: Run
    ) -> None:
        self.counts = counts
        self._component = component
        self._argv = argv
        self._file = file
        self._run = run

    def swap(self) -> Swapped:
        """Run the `restore` program.

        Raises:
            CommandError: it failed; what it had written by then stays.
        """
        try:
            self._component.feed(self._argv, self._file, self._run)
        except DaytwoError as error:
            error.hint = (
                f"{error.hint}. " if error.hint else ""
            ) + f"{self._argv[0]} may have written a part: restore the safety snapshot, or restore again"
            raise
        return Swapped(now=f"what {self._argv[0]} restores to")

    def discard(self) -> None:
        """There is nothing but a private file of the run."""
