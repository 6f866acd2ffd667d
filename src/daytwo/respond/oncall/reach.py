"""Through which channels somebody is reached: names of channels, people and rotas, resolved for a moment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from daytwo.config import Config
from daytwo.core.channel import Person
from daytwo.respond.oncall.turns import Takeover, members, on_call

_EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to send.

    Args:
        channel: its name.
        to: whom to reach through it; the channel's own receivers when empty.
        note: what was decided on the way, for the message and the record; empty when it went as configured.
    """

    channel: str
    to: tuple[Person, ...] = ()
    note: str = ""


def reach(
    config: Config, names: Sequence[str], now: datetime, takeovers: Mapping[str, Sequence[Takeover]] | None = None
) -> tuple[Delivery, ...]:
    """How to reach whoever is named.

    A rota is whoever is on call; where nobody is, everybody who ever has a turn in it, for a message must not be lost
    in a gap. A person is reached by their own channels, or every e-mail channel of the team, or, where there is none,
    every channel; who has no e-mail address, by the channel's own receivers. Channels are told once, and people once
    through each; a channel that is itself named has its own receivers told, besides people who are reached through it.

    Args:
        config: the configuration.
        names: channels, people or rotas; what is none of them is passed over.
        now: the time now, aware.
        takeovers: who took over by hand, by rota; see `Takeovers.standing`.

    Returns:
        Deliveries in the order of the names; none when nothing can be reached.
    """
    found: dict[tuple[str, bool], Delivery] = {}
    for channel, person, note in _ways(config, names, now, takeovers or {}):
        key = (channel, person is not None)
        before = found.get(key, Delivery(channel))
        to = before.to if person is None or person in before.to else (*before.to, person)
        notes = dict.fromkeys(one for one in (*before.note.split("; "), note) if one)
        found[key] = Delivery(channel, to, "; ".join(notes))
    return tuple(found.values())


def team_channels(config: Config) -> tuple[str, ...]:
    """The channels that reach the team when none is named: all but the one that tells subscribers of the status page,
    which is in the team's use, too, only where there is no other for e-mail."""
    apart = config.status_page.subscribe if config.status_page is not None else None
    ours = {name: settings for name, settings in config.channels.items() if name != apart}
    return tuple(ours if any(one.kind == _EMAIL for one in ours.values()) else config.channels)


def _ways(
    config: Config, names: Sequence[str], now: datetime, takeovers: Mapping[str, Sequence[Takeover]]
) -> Iterator[tuple[str, Person | None, str]]:
    for name in names:
        if name in config.channels:
            yield name, None, ""
        elif name in config.oncall:
            rota = config.oncall[name]
            person = on_call(rota, config.timezone, now, takeovers.get(name, ()))
            if person in config.people:
                yield from _of_person(config, person, "")
                continue
            note = f"nobody is on call in {name}, so everybody of it is told"
            for one in members(rota):
                yield from _of_person(config, one, note)
        else:
            yield from _of_person(config, name, "")


def _of_person(config: Config, name: str, note: str) -> Iterator[tuple[str, Person | None, str]]:
    person = config.people.get(name)
    if person is None:
        return
    own = [one for one in person.channels if one in config.channels and _reaches(config, one, person.email)]
    every = team_channels(config)
    mail = [one for one in every if config.channels[one].kind == _EMAIL and _reaches(config, one, person.email)]
    if not own and not mail:
        note = "; ".join(one for one in (note, f"{name} has no channel, so every channel is told") if one)
    for channel in own or mail or every:
        if config.channels[channel].kind == _EMAIL and not person.email:
            # By name they would be left out, silently, beside others who have an address.
            why = f"{name} has no e-mail address, so the receivers of {channel} are told"
            yield channel, None, "; ".join(one for one in (note, why) if one)
        else:
            yield channel, Person(name=name, email=person.email, phone=person.phone), note


def _reaches(config: Config, channel: str, address: str) -> bool:
    """Whether a channel gets to anybody: e-mail needs an address, the person's or one of its own."""
    settings = config.channels[channel]
    return settings.kind != _EMAIL or bool(address or getattr(settings, "to", ()))
