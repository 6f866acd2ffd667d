"""What every channel must do, as one suite: a kind's test is a `ChannelCase` and a subclass of `ChannelContract`.

class SlackCase(ChannelCase): ...

class TestSlack(ChannelContract):
    @pytest.fixture
    def case(self, tmp_path): ...
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import pytest

from daytwo.core.channel import AnyChannel, ChannelError, Event, Message, RejectedError, UnavailableError
from daytwo.core.errors import SecretError
from daytwo.core.secrets import redact
from tests.channels.messages import HOSTILE, empty, enormous, message

PATIENCE = 10.0
"""Seconds that a send is given where it should succeed."""
SHORT = 0.6
GRACE = 2.0
"""Seconds within which it must have come back; much, since the machine may be busy."""
LONGEST = 500


class ChannelCase(ABC):
    """A channel with a receiver that is there, and ways to make the receiver fail."""

    events: ClassVar[tuple[Event, ...]] = tuple(Event)
    abandons: ClassVar[bool] = False
    """Whether a send whose time is up goes on for a while, since its connections are not ours to shut."""
    secrets: ClassVar[tuple[str, ...]] = ()
    """Values that must never show in an error."""

    @abstractmethod
    def channel(self) -> AnyChannel:
        """The channel, as a user would have configured it."""

    @abstractmethod
    def received(self) -> list[str]:
        """What the receiver has taken, each as text to look into."""

    @abstractmethod
    def fail(self, how: str) -> Any:
        """Make the next send fail: `busy` (too much, wait 7 seconds), `broken` (an error of the server), `hang`,
        `drip` (a byte now and then), `cut` (the connection ends), `refused` (a message that is refused for good),
        `dated` (too much, wait until a minute from now), `moved` (go elsewhere). What to wait, or True;
        None where that cannot be."""

    @abstractmethod
    def without_credentials(self) -> AnyChannel | None:
        """The channel with a wrong password, token or address."""

    @abstractmethod
    def without_receiver(self) -> AnyChannel:
        """The channel where nobody listens."""

    @abstractmethod
    def without_secret(self) -> AnyChannel:
        """The channel whose secret is not there."""


class ChannelContract:
    """The suite."""

    def test_each_event_is_taken(self, case: ChannelCase) -> None:
        channel = case.channel()
        for number, event in enumerate(case.events):
            before = len(case.received())
            channel.send(message(event, title=f"db {number} does not answer"), f"delivery {number}", PATIENCE)
            told = case.received()[before:]
            assert told, event
            if event not in (Event.ACKNOWLEDGE, Event.RESOLVE):
                assert f"db {number} does not answer" in told[0]

    def test_what_is_enormous_is_cut_and_taken(self, case: ChannelCase) -> None:
        case.channel().send(enormous(), "delivery", PATIENCE)
        assert len(case.received()) == 1

    def test_what_is_empty_is_taken(self, case: ChannelCase) -> None:
        case.channel().send(empty(), "delivery", PATIENCE)
        assert len(case.received()) == 1

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_hostile_text_is_taken_as_text(self, case: ChannelCase, text: str) -> None:
        case.channel().send(hostile(text), "delivery\r\nX-Evil: 1", PATIENCE)
        assert len(case.received()) == 1

    def test_wrong_credentials_are_refused_for_good_in_one_line(self, case: ChannelCase) -> None:
        channel = case.without_credentials()
        if channel is None:
            pytest.skip("it has none")
        error = failure(channel, RejectedError)
        assert "\n" not in str(error)
        silent(case, error)
        assert case.received() == []

    def test_a_secret_that_is_not_there_is_said(self, case: ChannelCase) -> None:
        with pytest.raises(SecretError):
            case.without_secret().send(message(), "delivery", PATIENCE)

    @pytest.mark.parametrize("how", ["broken", "cut"])
    def test_what_may_pass_is_told_apart(self, case: ChannelCase, how: str) -> None:
        if case.fail(how) is None:
            pytest.skip("it cannot fail so")
        silent(case, failure(case.channel(), UnavailableError))
        case.channel().send(message(), "delivery", PATIENCE)
        assert len(case.received()) == 1

    @pytest.mark.parametrize("how", ["busy", "dated"])
    def test_a_receiver_that_has_too_much_says_how_long_to_wait(self, case: ChannelCase, how: str) -> None:
        wait = case.fail(how)
        if wait is None:
            pytest.skip("it cannot say so")
        error = failure(case.channel(), UnavailableError)
        assert isinstance(error, UnavailableError)
        assert error.retry_after == pytest.approx(wait, abs=2)

    @pytest.mark.parametrize("how", ["refused", "moved"])
    def test_a_message_that_is_refused_is_not_tried_again(self, case: ChannelCase, how: str) -> None:
        if case.fail(how) is None:
            pytest.skip("it cannot fail so")
        silent(case, failure(case.channel(), RejectedError))
        assert case.received() == [], "a receiver that says where else to go does not get it there either"

    def test_no_line_of_a_log_has_a_secret(self, case: ChannelCase, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        case.channel().send(message(), "delivery", PATIENCE)
        case.fail("broken")
        failure(case.channel(), UnavailableError)
        for record in caplog.records:
            said = record.getMessage()
            shown = said if record.levelno >= logging.WARNING else redact(said)
            assert not any(secret in shown for secret in case.secrets), record

    def test_nobody_there(self, case: ChannelCase) -> None:
        silent(case, failure(case.without_receiver(), UnavailableError))

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["hang", "drip"])
    def test_it_is_over_when_its_time_is_over(self, case: ChannelCase, how: str) -> None:
        if case.fail(how) is None:
            pytest.skip("it cannot fail so")
        before = threading.active_count()
        begun = time.monotonic()
        silent(case, failure(case.channel(), UnavailableError, SHORT))
        assert time.monotonic() - begun < SHORT + GRACE
        if case.abandons:
            return
        deadline = time.monotonic() + 5
        while any(one.name.startswith("send ") for one in threading.enumerate()):
            assert time.monotonic() < deadline, f"a thread stays: {threading.active_count()} > {before}"
            time.sleep(0.02)


def hostile(text: str, event: Event = Event.TRIGGER) -> Message:
    """A message with the same text in every place."""
    usual = message(event)
    return usual.model_copy(
        update={
            "key": text, "app": "shop", "title": text, "text": text,
            "facts": tuple(one.model_copy(update={"name": text, "value": text}) for one in usual.facts),
            "sections": tuple(one.model_copy(update={"title": text, "text": text}) for one in usual.sections),
            "links": tuple(one.model_copy(update={"title": text}) for one in usual.links)
            + tuple(one.model_copy(update={"url": text}) for one in usual.links)
            + tuple(one.model_copy(update={"url": f"https://a.example/{text}"}) for one in usual.links),
            "commands": (text,),
        }
    )  # fmt: skip


def failure(channel: AnyChannel, kind: type[ChannelError], timeout: float = PATIENCE) -> ChannelError:
    """The error that a send ends with."""
    with pytest.raises(ChannelError) as caught:
        channel.send(message(), "delivery", timeout)
    assert type(caught.value) is kind, caught.value
    return caught.value


def silent(case: ChannelCase, error: ChannelError) -> None:
    """No secret, no address, nothing endless; it names the channel."""
    text = f"{error} {error.hint} {error.__cause__ or ''}"
    for secret in case.secrets:
        assert secret not in text
    assert len(text) < LONGEST
    assert "channel " in error.where
    assert "http" not in error.what.lower() or "localhost" not in error.what
