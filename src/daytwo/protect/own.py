"""daytwo's own state as one of the things it backs up: who did what, exports, users, heartbeats."""

from daytwo.config import Config
from daytwo.core.registry import service_class
from daytwo.core.secrets import SecretRef
from daytwo.core.service import AnyService
from daytwo.store.url import StateUrl

NAME = "daytwo-state"
"""The service that stands for it; every backup that the daemon makes has it, unless its `state` is false."""


def own_service(config: Config) -> AnyService:
    """The service that the state is, of the kind that its engine is.

    It is encrypted to the recovery recipients where there are any: it holds the hashes of passwords and tokens.
    """
    secret = bool(config.recovery.recipients)
    url = StateUrl.of(config)
    if url.is_sqlite:
        place: dict[str, object] = {"kind": "sqlite", "path": str(url.file)}
    else:
        place = {"kind": "postgres", "url": config.state if isinstance(config.state, SecretRef) else url.text}
    made = service_class(str(place["kind"]))
    settings = made.Settings.model_validate({**place, "secret": secret})
    return made(NAME, settings, config.place)
