"""E-mail addresses as they are written in a configuration."""

import re
from email.utils import parseaddr

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


def mailbox(value: str) -> str:
    """One address, with or without a name.

    Args:
        value: `ops@example.com`, or `Operations <ops@example.com>`.

    Returns:
        It.

    Raises:
        ValueError: it is none, or several: of these Python's parser may take the first and drop the others.
    """
    name, address = parseaddr(value)
    whole = value.strip()
    if not _ADDRESS.fullmatch(address) or not name.isprintable() or "\n" in value or "\r" in value:
        raise ValueError("write an address: ops@example.com, or `Operations <ops@example.com>`")
    if whole != address and not whole.endswith(f"<{address}>"):
        raise ValueError("write one address; where there may be several, as a list: [one@example.com, two@example.com]")
    return value
