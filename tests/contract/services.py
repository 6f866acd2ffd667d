"""What every service kind must do, as one suite: a kind's test is a `ServiceCase` and a subclass of this contract."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from daytwo.core.errors import DaytwoError, IntegrityError
from daytwo.core.manifest import ComponentRecord, Digest
from daytwo.core.run import Run
from daytwo.core.service import Component, DumpFacts, Service, Source


class ServiceCase(ABC):
    """A real service with real data, and ways to look at it and to hurt it."""

    @abstractmethod
    def service(self) -> Service:
        """The service under test, as a user would configure it."""

    @abstractmethod
    def elsewhere(self) -> Service:
        """The same kind pointed to an empty place beside it (another database, another folder)."""

    @abstractmethod
    def broken(self) -> list[Service]:
        """Services that cannot work: each a different reason (absent, wrong password, no container)."""

    @abstractmethod
    def fill(self) -> None:
        """Put data there, awkward values included."""

    @abstractmethod
    def change(self) -> None:
        """Alter the data: what a restore must undo."""

    @abstractmethod
    def destroy(self) -> None:
        """Lose the data in the way people lose it."""

    @abstractmethod
    def content(self, service: Service) -> object:
        """All data, comparable with `==`."""

    @abstractmethod
    def leftovers(self) -> object:
        """What a restore could leave behind (databases, folders, files), comparable with `==`."""

    secrets: tuple[str, ...] = ()
    """Values that must never show in an error."""


def dump_to_file(component: Component, run: Run, folder: Path) -> tuple[Source, DumpFacts]:
    """Dump a component into a plain file and give it back as a `Source`."""
    path = folder / component.name.replace("/", "_")
    digest, size = sha256(), 0
    begun = datetime.now(UTC)
    with component.dump(run) as dump, path.open("wb") as out:
        for chunk in dump.chunks():
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
        facts = dump.facts()
    plain = Digest(sha256=digest.hexdigest(), size=size)
    record = ComponentRecord(
        name=component.name,
        service=component.service,
        kind=component.kind,
        format=component.format,
        secret=component.secret,
        plain=plain,
        stored=plain,
        counts=dict(facts.counts),
        contents=facts.contents,
        source=facts.source,
        attributes=dict(facts.attributes),
        tools=dict(facts.tools),
        begun=begun,
        ended=datetime.now(UTC),
        warnings=facts.warnings,
    )
    return source_of(path, record, folder), facts


def source_of(path: Path, record: ComponentRecord, folder: Path) -> Source:
    """A file as a component in a repository."""

    def read() -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk

    return Source(record, read, folder / "work")


class ServiceContract:
    """Subclass in a test module and give a fixture `case` that yields a `ServiceCase`."""

    @pytest.fixture
    def run(self, tmp_path: Path) -> Run:
        work = tmp_path / "run-work"
        work.mkdir()
        return Run("0123456789abcdef", work, timeout=300)

    def test_dump_destroy_restore_compare(self, case: ServiceCase, run: Run, tmp_path: Path) -> None:
        case.fill()
        before = case.content(case.service())
        dumped = [(c, *dump_to_file(c, run, tmp_path)) for c in case.service().components()]
        case.change()
        assert case.content(case.service()) != before, "the case's change must show"
        case.destroy()
        for component, source, facts in dumped:
            assert component.obstacles(source.record, run) == ()
            staged = component.stage(source, run)
            assert dict(staged.counts) == dict(facts.counts)
            swapped = staged.swap()
            assert swapped.now
        assert case.content(case.service()) == before

    def test_restore_over_live_data_keeps_what_was_there(self, case: ServiceCase, run: Run, tmp_path: Path) -> None:
        case.fill()
        before = case.content(case.service())
        dumped = [(c, dump_to_file(c, run, tmp_path)[0]) for c in case.service().components()]
        case.change()
        for component, source in dumped:
            swapped = component.stage(source, run).swap()
            assert swapped.kept and swapped.drop, "the data from before is kept, and the user is told how to drop it"
        assert case.content(case.service()) == before

    def test_restore_elsewhere_leaves_the_live_data_alone(self, case: ServiceCase, run: Run, tmp_path: Path) -> None:
        case.fill()
        before = case.content(case.service())
        sources = {c.name: dump_to_file(c, run, tmp_path)[0] for c in case.service().components()}
        case.change()
        live = case.content(case.service())
        for component in case.elsewhere().components():
            component.stage(sources[component.name], run).swap()
        assert case.content(case.elsewhere()) == before
        assert case.content(case.service()) == live

    def test_facts_are_complete(self, case: ServiceCase, run: Run, tmp_path: Path) -> None:
        case.fill()
        for component in case.service().components():
            source, facts = dump_to_file(component, run, tmp_path)
            assert source.record.plain and source.record.plain.size >= component.smallest
            assert facts.source.label and facts.source.holds
            assert facts.tools, "the manifest names what made the dump"
            assert component.identity(run).id == facts.source.id

    def test_verify_reads_it_and_refuses_damage(self, case: ServiceCase, run: Run, tmp_path: Path) -> None:
        case.fill()
        for component in case.service().components():
            source, _ = dump_to_file(component, run, tmp_path)
            assert component.verify(source, run).tool
            path = tmp_path / component.name.replace("/", "_")
            cut = tmp_path / "cut"
            cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            unsummed = source.record.model_copy(update={"plain": None})  # so that the engine's tool must notice
            with pytest.raises(DaytwoError):
                component.verify(source_of(cut, unsummed, tmp_path / "a"), run)
            with pytest.raises(IntegrityError):
                list(source_of(cut, source.record, tmp_path / "b").chunks())

    def test_f02_truncated_dump_is_refused_and_live_data_stays(
        self, case: ServiceCase, run: Run, tmp_path: Path
    ) -> None:
        case.fill()
        for component in case.service().components():
            source, _ = dump_to_file(component, run, tmp_path)
            path = tmp_path / component.name.replace("/", "_")
            cut = tmp_path / "cut"
            cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            before, left = case.content(case.service()), case.leftovers()
            for record in (source.record, source.record.model_copy(update={"plain": None})):
                with pytest.raises(DaytwoError):
                    component.stage(source_of(cut, record, tmp_path / f"c{id(record)}"), run)
            assert case.content(case.service()) == before
            assert case.leftovers() == left

    def test_discard_leaves_nothing(self, case: ServiceCase, run: Run, tmp_path: Path) -> None:
        case.fill()
        before, left = case.content(case.service()), case.leftovers()
        for component in case.service().components():
            source, _ = dump_to_file(component, run, tmp_path)
            staged = component.stage(source, run)
            staged.discard()
            staged.discard()
        assert case.content(case.service()) == before
        assert case.leftovers() == left

    def test_f01_what_cannot_be_dumped_is_an_error_and_shows_no_secret(
        self, case: ServiceCase, run: Run, tmp_path: Path
    ) -> None:
        for service in case.broken():
            with pytest.raises(DaytwoError) as caught:
                for component in service.components():
                    dump_to_file(component, run, tmp_path)
            assert not any(secret in str(caught.value) for secret in case.secrets)
