"""What goes through the pipeline, what the stages know, and the words in which they answer."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from daytwo.config import Config
from daytwo.config.responding import Route
from daytwo.core.channel import Person
from daytwo.core.registry import channel_class
from daytwo.respond.alerts import Alert, Step, What
from daytwo.respond.oncall import Delivery
from daytwo.respond.outbox.bucket import Bucket
from daytwo.respond.silences import Silence
from daytwo.respond.windows import Open


class Reason(StrEnum):
    """Why a stage let an alert pass, or did not."""

    NEW = "new"
    KNOWN = "known"
    OVER_ALREADY = "over_already"
    NEVER_TOLD = "never_told"
    TOLD_ALREADY = "told_already"
    EASED = "eased"
    ALONE = "alone"
    CONSEQUENCE = "consequence"
    FIRST = "first"
    JOINS = "joins"
    SHARES = "shares"
    LAST = "last"
    OTHERS_OPEN = "others_open"
    NOT_SILENCED = "not_silenced"
    SILENCED = "silenced"
    TOLD_BEFORE = "told_before"
    NO_WINDOW = "no_window"
    MAINTENANCE = "maintenance"
    ROUTED = "routed"
    NO_ROUTE = "no_route"
    OFF_HOURS = "off_hours"
    NO_CHANNEL = "no_channel"
    AS_TOLD = "as_told"
    NOT_WANTED = "not_wanted"
    WITHIN_RATE = "within_rate"
    OVERFLOW = "overflow"
    AT_ONCE = "at_once"
    COLLECTED = "collected"


WORDS: Mapping[Reason, str] = {
    Reason.NEW: "it is new",
    Reason.KNOWN: "it was told before",
    Reason.OVER_ALREADY: "it was over before anybody could be told, so nobody was",
    Reason.NEVER_TOLD: "nobody was told of it, so nobody is told that it is over",
    Reason.TOLD_ALREADY: "it was told before, and is no worse now",
    Reason.EASED: "it is less bad than before; that is not told, its end is",
    Reason.ALONE: "it is no consequence of anything else that fails",
    Reason.CONSEQUENCE: "it is put down to something else that fails; it is told itself if it stays when that is "
    "well again",
    Reason.FIRST: "it is the first of its service for a while, and not held back",
    Reason.JOINS: "another one of its service was told just now; what follows shares one message",
    Reason.SHARES: "it belongs to the messages of its group",
    Reason.LAST: "all that its messages told of is over",
    Reason.OTHERS_OPEN: "others that its messages told of are not over",
    Reason.NOT_SILENCED: "no silence fits it",
    Reason.SILENCED: "a silence fits it, so nobody is told while that lasts",
    Reason.TOLD_BEFORE: "a silence fits it, but it was told before, so its end is, too",
    Reason.NO_WINDOW: "there is no maintenance",
    Reason.MAINTENANCE: "there is maintenance, so nobody is told before its end",
    Reason.ROUTED: "routes fit it",
    Reason.NO_ROUTE: "no route fits it, so nobody is told",
    Reason.OFF_HOURS: "the routes that fit it have other hours; it is told then, if it is still there",
    Reason.NO_CHANNEL: "there is no channel that it could be told through, so nobody is told",
    Reason.AS_TOLD: "whoever was told of it is told",
    Reason.NOT_WANTED: "the routes that told it do not tell this (`resolved: false`, or no `repeat`)",
    Reason.WITHIN_RATE: "its channels may send that much",
    Reason.OVERFLOW: "there are too many messages for a channel; it is told in the next summary of those",
    Reason.AT_ONCE: "it is told at once",
    Reason.COLLECTED: "it is told together with others, a little later",
}
"""Each reason in words."""
PAUSES = frozenset({Reason.CONSEQUENCE, Reason.SILENCED, Reason.MAINTENANCE, Reason.OFF_HOURS})
"""Reasons that go away: what was stopped by them is looked at again."""


@dataclass(frozen=True, slots=True)
class Order:
    """One telling of an alert: through which channel, to whom, when, and with what else.

    Args:
        route: the route that wants it.
        channel: its name.
        people: whom to reach through it; the channel's own receivers when empty.
        batch: what is told in one message with it; empty for a message of its own, at once.
        due: when.
        exempt: it goes out although the channel has sent a lot, because something must not stay open at its receiver.
    """

    route: str
    channel: str
    people: tuple[Person, ...]
    batch: str
    due: datetime
    exempt: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A telling of the past.

    Args:
        order: what was ordered.
        what: about which change.
        at: when it was ordered.
        via: the channel that took it, if it was another one.
        pending: its message has not been made so far.
    """

    order: Order
    what: What
    at: datetime
    via: str = ""
    pending: bool = False


Way = tuple[str, tuple[str, ...]]
"""A channel, and the names of whom it reaches; see `way_of`."""


@dataclass(frozen=True, slots=True)
class Group:
    """An alert that was told at once a moment ago, whose messages those that follow share.

    Args:
        leader: its number.
        at: when it was told.
        grade: how bad it is.
        channels: where it was told.
    """

    leader: int
    at: datetime
    grade: int
    channels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the stages know. The maps behind it are kept up to date from one case to the next by whoever runs them.

    Args:
        config: the configuration.
        routes: those that count; see `routes_of`.
        silences: those that are active.
        windows: the maintenance windows that are open.
        groups: what was told a moment ago, by service.
        open_in_group: the alerts that share messages and are not over, by their leader.
        heard: which of those were told somewhere, by their leader and the way.
        told: what was told of each alert before.
        buckets: what each channel may still send.
        reach: who is reached by which names.
    """

    config: Config
    routes: Mapping[str, Route]
    silences: Sequence[Silence]
    windows: Sequence[Open]
    groups: Mapping[str, Group]
    open_in_group: Mapping[int, AbstractSet[int]]
    heard: Callable[[int, Way], AbstractSet[int]]
    told: Mapping[int, Sequence[Told]]
    buckets: Mapping[str, Bucket]
    reach: Callable[[Sequence[str], datetime], tuple[Delivery, ...]]


def way_of(config: Config, channel: str, people: Sequence[Person]) -> Way:
    """Where something is told. A service that keeps count of what is open knows channels only, whoever is reached."""
    return channel, () if counts(config, channel) else tuple(one.name for one in people)


def counts(config: Config, channel: str) -> bool:
    """Whether a channel's service keeps count of what is open, by keys."""
    settings = config.channels.get(channel)
    return settings is not None and channel_class(settings.kind).acknowledges


@dataclass(frozen=True, slots=True)
class Case:
    """A change of an alert on its way through the stages.

    Args:
        alert: as it stands.
        what: what happened.
        now: when.
        leader: the alert whose messages it shares.
        group: what was told a moment ago, if it joins that.
        orders: what is to be told.
        buckets: of channels that it used up.
        said: what the stages said.
        stopped: the reason why it goes no further; None while it does.
    """

    alert: Alert
    what: What
    now: datetime
    leader: int | None = None
    group: Group | None = None
    orders: tuple[Order, ...] = ()
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    said: tuple[Step, ...] = ()
    stopped: Reason | None = None

    def passes(self, stage: str, reason: Reason, detail: str = "") -> "Case":
        """The case, with what a stage said of it."""
        return replace(self, said=(*self.said, Step(self.now, self.what, stage, reason.value, detail)))

    def stops(self, stage: str, reason: Reason, detail: str = "") -> "Case":
        """The case, which goes no further."""
        return replace(self.passes(stage, reason, detail), stopped=reason)

    @property
    def over(self) -> bool:
        """Whether it is about the end of the alert."""
        return self.what is What.OVER
