"""What can be done at once about a security incident, as commands to choose from."""

from collections.abc import Sequence

from daytwo.config import Config
from daytwo.respond.incidents.model import Incident, JoinedAlert

_ALWAYS = ("daytwo evidence collect --incident {number} -o evidence.tar.gz",)
_BY_CATEGORY = {
    "breach": ("daytwo tokens list", "daytwo users list", "daytwo audit verify"),
    "key-exposure": ("daytwo tokens list", "daytwo tokens revoke NAME", "daytwo keys new"),
    "unauthorised-access": ("daytwo users list", "daytwo users disable NAME", "daytwo audit verify"),
    "abuse": ("daytwo block add ADDRESS --for 24h --why '{title}'", "daytwo block list"),
    "malware": ("daytwo ps", "daytwo backup", "daytwo snapshots"),
    "policy": ("daytwo audit list --since 24h",),
    "other": (),
}


def containment(config: Config, incident: Incident, alerts: Sequence[JoinedAlert]) -> tuple[str, ...]:
    """What can be done; nothing for an incident that is none of security.

    Args:
        config: the configuration.
        incident: which one.
        alerts: those that belong to it.
    """
    if not incident.category:
        return ()
    title = incident.title.replace("'", "")[:60]
    chosen = (*_ALWAYS, *_BY_CATEGORY.get(incident.category, ()))
    return tuple(one.format(number=incident.number, title=title) for one in chosen)
