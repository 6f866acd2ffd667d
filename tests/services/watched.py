"""What tests of the checks of services share."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from daytwo.core.check import Check, Observation
from daytwo.core.service import AnyService
from tests.contract.checks import ask


def named(service: AnyService, name: str = "") -> Check:
    """The first check of a service, or the one with this name."""
    return next(check for check in service.checks() if not name or check.name == name)


def observe(service: AnyService, work: Path, name: str = "") -> Observation:
    """What the first check of a service, or the one with this name, says."""
    return ask(named(service, name), work)


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield int(listener.getsockname()[1])


QUERIES = {
    "pending": {"sql": "select count(*) from people;  "},
    "half": {"sql": "select 0.5", "unit": "ratio"},
    "remark": {"sql": "select 7 -- and no more"},
}
"""Queries that return a number, of a database with the table `people`."""
NO_NUMBER = {
    "columns": ("select 1 as a, 2 as b", "2 columns"),
    "rows": ("select 1 union all select 2 union all select 3", "several rows"),
    "none": ("select 1 as one where 1 = 0", "no row"),
    "null": ("select null as unknown_value", "NULL"),
    "text": ("select 'Ann Example'", "no finite number"),
    "absent": ("select count(*) from no_such_table", "no_such_table"),
    "two": ("select 1; select 2", "does not take the query"),
    "write": ("delete from people", "does not take the query"),
    "escape": ("select 1 as one) as x; delete from people; select * from (select 1 as one", "does not take the query"),
}
"""Queries that do not, and what is said of them."""
