"""The headers and bodies of requests, with their secrets."""

import asyncio
import base64
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from daytwo.core.check import Around
from daytwo.core.errors import ConfigError, SecretError
from daytwo.core.net.aside import Once
from daytwo.core.net.settings import WebSettings, header_text
from daytwo.core.net.stopwatch import Stopwatch
from daytwo.core.secrets import SecretRef, remember, resolve
from daytwo.core.service import Service

SECRETS_FRESH = 300.0
"""Seconds after which a secret is fetched again; at once after an answer that refuses it."""


class Letters:
    """The headers of a service's requests, its secrets fetched in a thread, since a reference may be a program.

    Args:
        service: whose settings they are.
        body: what is sent along.
    """

    def __init__(self, service: Service[Any], body: str | SecretRef | None = None) -> None:
        settings: WebSettings = service.settings
        self._refs = _refs(settings, body)
        self._body = body
        self._plain = {name: value for name, value in settings.headers.items() if isinstance(value, str)}
        where, base = f"services.{service.name}", service.place.folder
        self._once = Once(partial(_fetch, self._refs, where, base), SECRETS_FRESH)

    async def write(self, around: Around, watch: Stopwatch) -> tuple[Mapping[str, str], bytes]:
        """The headers and the body.

        Raises:
            SecretError, ConfigError: a secret cannot be had, or cannot be sent.
        """
        body = self._body.encode() if isinstance(self._body, str) else b""
        if not self._refs:
            return self._plain, body
        watch.enter("", "fetching its secrets")
        try:
            async with asyncio.timeout(around.remaining() * 0.8):
                secrets = dict(await self._once.get())
        except TimeoutError:
            raise SecretError("a secret of it could not be fetched in time") from None
        if "body" in secrets:
            body = secrets.pop("body").encode()
        return {**self._plain, **secrets}, body

    def refused(self) -> None:
        """The secrets were not taken: fetch them anew for the next request."""
        self._once.forget()

    async def close(self) -> None:
        """Fetch no more."""
        await self._once.close()


def _refs(settings: WebSettings, body: str | SecretRef | None) -> dict[str, tuple[str, SecretRef, str]]:
    """Header by header (and the body): the setting, the reference, and what goes before the secret."""
    refs = {
        name: (f"headers.{name}", value, "") for name, value in settings.headers.items() if isinstance(value, SecretRef)
    }
    if settings.bearer is not None:
        refs["Authorization"] = ("bearer", settings.bearer, "Bearer ")
    if settings.basic is not None:
        refs["Authorization"] = ("basic.password", settings.basic.password, f"{settings.basic.user}:")
    if isinstance(body, SecretRef):
        refs["body"] = ("body", body, "")
    return refs


def _fetch(refs: Mapping[str, tuple[str, SecretRef, str]], where: str, base: Path) -> Mapping[str, str]:
    found = {}
    for name, (setting, ref, before) in refs.items():
        value = before + resolve(ref, where=f"{where}.{setting}", base=base).reveal()
        if setting == "basic.password":
            encoded = base64.b64encode(value.encode()).decode()
            remember(encoded)  # with the user before it, it is another text than the password's own
            value = f"Basic {encoded}"
        if name != "body":
            try:
                header_text(value)
            except ValueError as error:
                raise ConfigError(f"the secret cannot be sent: {error}", where=f"{where}.{setting}") from None
        found[name] = value
    return found
