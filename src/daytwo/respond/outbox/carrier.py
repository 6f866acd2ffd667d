"""One try to deliver a message: through its channel, or its fallback."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from daytwo.config import Config
from daytwo.core.channel import AnyChannel, Message, PartlyTakenError, RejectedError, UnavailableError
from daytwo.core.errors import DaytwoError, SecretError
from daytwo.core.registry import channel_class
from daytwo.core.secrets import redact

_log = logging.getLogger(__name__)
TIMEOUT = 15.0
"""Seconds that one try may take."""
PATIENCE = 60.0
"""Seconds that a receiver may ask for before its fallback is used at once."""
_FIRST = 5.0
LONGEST_REST = 3600.0
"""Seconds that a channel is left alone at most, whatever its receiver asked for."""
_LONGEST = 300.0
_JITTER = 0.2
_TIRED = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try went.

    Args:
        via: the channel that took it; empty when none did.
        own: its own channel took it.
        permanent: no further try makes sense.
        error: what went wrong with its own channel, and with the fallback.
        retry_after: seconds that its own channel asked to wait.
        elsewhere: the fallback should be asked at once, because this may take a person to mend, or a long wait.
        left: the e-mail addresses of those who did not get what the others got, and may later.
    """

    via: str = ""
    own: bool = False
    permanent: bool = False
    error: str = ""
    retry_after: float | None = None
    elsewhere: bool = False
    left: tuple[str, ...] = ()


def pause(failures: int, retry_after: float | None, jitter: Callable[[], float] = random.random) -> timedelta:
    """How long to wait before the next try: 5 s, then twice as long each time, up to 5 minutes; a fifth more or less.

    Args:
        failures: in a row, this one with them.
        retry_after: seconds that the receiver asked for; at least so long, but for an hour at most.
        jitter: a number from 0 to 1, so that not everybody comes back at the same moment.
    """
    seconds = min(_FIRST * 2.0 ** min(failures - 1, 16), _LONGEST) * (1 - _JITTER + 2 * _JITTER * jitter())
    return timedelta(seconds=max(seconds, min(retry_after or 0.0, LONGEST_REST)))


class Carrier:
    """Delivers through the channels of a configuration. One channel is used by one thread at a time.

    Args:
        config: the configuration.
        make: makes a channel from its name; only tests give one.
    """

    def __init__(self, config: Config, make: Callable[[str], AnyChannel] | None = None) -> None:
        self.config = config
        self._make = make or (lambda name: made(config, name))

    def deliver(self, message: Message, key: str, channel: str, failures: int, *, resting: bool = False) -> Outcome:
        """Try once.

        Args:
            message: what to tell.
            key: of the delivery.
            channel: through which.
            failures: tries that failed before, of this message or of the channel.
            resting: only ask the fallback.
        """
        settings = self.config.channels.get(channel)
        if settings is None:
            return Outcome(permanent=True, error=f"there is no channel {channel} in the configuration")
        error, outcome = "", Outcome(error="it rests")
        if not resting:
            outcome = self._send(message, key, channel)
            if outcome.via:
                return outcome
            error = outcome.error
        use = resting or outcome.permanent or failures + 1 >= _TIRED or outcome.elsewhere
        if not use or settings.fallback is None or settings.fallback == channel:
            return outcome
        other = self._send(message, key, settings.fallback)
        if other.via:
            return Outcome(via=settings.fallback, permanent=outcome.permanent, error=error, left=other.left)
        both = "; ".join(one for one in (error, f"{settings.fallback}: {other.error}") if one)
        return Outcome(permanent=outcome.permanent and other.permanent, error=both, retry_after=outcome.retry_after)

    def _send(self, message: Message, key: str, name: str) -> Outcome:
        """Send through one channel. A secret that cannot be had counts as no answer, and the fallback is asked."""
        try:
            channel = self._make(name)
            try:
                channel.send(message, key, TIMEOUT)
            finally:
                channel.close()
        except RejectedError as error:
            return Outcome(permanent=True, error=redact(str(error)))
        except PartlyTakenError as error:
            return Outcome(via=name, own=True, error=redact(str(error)), left=error.left)
        except UnavailableError as error:
            wait = error.retry_after
            return Outcome(error=redact(str(error)), retry_after=wait, elsewhere=wait is not None and wait > PATIENCE)
        except SecretError as error:
            return Outcome(error=redact(str(error)), elsewhere=True)
        except DaytwoError as error:
            return Outcome(error=redact(str(error)), permanent=error.permanent)
        except Exception as error:  # a defect of a plug-in must not lose a message
            _log.exception("channel %s failed with a defect", name)
            return Outcome(error=redact(f"{type(error).__name__}: {error}"))
        return Outcome(via=name, own=True)


def made(config: Config, name: str) -> AnyChannel:
    """A channel of the configuration.

    Raises:
        KeyError: there is no such channel, or kind.
    """
    settings = config.channels[name]
    return channel_class(settings.kind)(name, settings, config.place)
