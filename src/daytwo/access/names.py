"""What users, tokens and passwords may be like."""

import re
import unicodedata

from daytwo.core.errors import UsageError

_USER = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,62}")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,62}")
SHORTEST_PASSWORD = 12
"""Characters. Long and nothing else: rules about digits and symbols make worse passwords (NIST SP 800-63B, 3.1.1.2)."""


def user_name(text: str) -> str:
    """A user's name as it is kept: small letters, so that no two users look alike.

    Raises:
        UsageError: it cannot be one.
    """
    name = text.strip().lower()
    if not _USER.fullmatch(name):
        raise UsageError(
            "a user's name has 1 to 63 letters a-z, digits and . _ @ + -, and begins with a letter or digit",
            hint="An e-mail address is fine",
        )
    return name


def could_be(text: str) -> bool:
    """Whether it could be a name or an id at all: PostgreSQL refuses even to look for some text."""
    return text.isprintable() and text.isascii()


def token_name(text: str) -> str:
    """An API token's name as it is kept.

    Raises:
        UsageError: it cannot be one.
    """
    name = text.strip()
    if not _TOKEN.fullmatch(name):
        raise UsageError(
            "a token's name has 1 to 63 letters, digits, spaces and . _ -, and begins with a letter or digit",
            hint="Name it after what will use it",
        )
    return name


def password_for(user: str, text: str) -> str:
    """A new password in the form in which it is hashed.

    Args:
        user: whose it will be.
        text: as typed.

    Raises:
        UsageError: it is too short, or the user's name.
    """
    password = typed(text)
    if len(password) < SHORTEST_PASSWORD:
        raise UsageError(
            f"a password has at least {SHORTEST_PASSWORD} characters", hint="Several words are easy to remember"
        )
    if password.casefold() == user.casefold():
        raise UsageError("the password is the user's name", hint="Several words are easy to remember")
    return password


def typed(text: str) -> str:
    """A password in one form, however the keyboard composed its accents."""
    return unicodedata.normalize("NFC", text)
