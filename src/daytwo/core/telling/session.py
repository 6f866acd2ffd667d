"""A session of requests whose connections can be shut by somebody else. Slow to import."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
import requests.adapters
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from daytwo.core.telling.within import Lines


def session(lines: Lines, ca: Path | None) -> requests.Session:
    """Make one.

    Args:
        lines: gets every connection.
        ca: authorities to believe instead of the usual ones.
    """
    made = requests.Session()
    adapter = _Adapter(_pools(lines))
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    # Proxies come from the environment, passwords from ~/.netrc do not: they would replace what we send.
    made.auth = lambda request: request
    if ca is not None:
        made.verify = str(ca)
    return made


class _Adapter(requests.adapters.HTTPAdapter):
    def __init__(self, pools: Mapping[str, type[HTTPConnectionPool]]) -> None:
        self._pools = pools
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        found = super().proxy_manager_for(proxy, **options)
        found.pool_classes_by_scheme = self._pools
        return found


def _pools(lines: Lines) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            made = super()._new_conn()
            lines.add(made)
            return made

    class Secured(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            made = super()._new_conn()
            lines.add(made)
            return made

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecuredPool(HTTPSConnectionPool):
        ConnectionCls = Secured

    return {"http": PlainPool, "https": SecuredPool}
