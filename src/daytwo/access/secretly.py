"""Random secrets that open doors, and what is kept of them."""

import hashlib
import hmac
import secrets

TOKEN_PREFIX = "dt_"  # noqa: S105 - what all begin with, so that scanners for leaked secrets can find them


def new_secret() -> str:
    """256 random bits as text for URLs and cookies."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """A secret for an API token."""
    return TOKEN_PREFIX + new_secret()


def new_id() -> str:
    """An id to speak of something by: random, and no secret."""
    return secrets.token_hex(8)


def digest(secret: str) -> str:
    """What is kept of a random secret: its SHA-256, in hexadecimal.

    A slow hash would add nothing: nobody guesses 256 random bits. To look a row up by the digest tells nothing by the
    time that it takes either, as nobody can choose a secret by its digest.
    """
    return hashlib.sha256(_bytes(secret)).hexdigest()


def csrf_of(session: str) -> str:
    """The CSRF token of a session: made from its secret, so that it is stored nowhere.

    Args:
        session: the secret that is in the cookie.
    """
    return hmac.new(_bytes(session), b"daytwo csrf", hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell how far they are."""
    return hmac.compare_digest(_bytes(left), _bytes(right))


def _bytes(text: str) -> bytes:
    # Whatever somebody sends: half a surrogate pair is wrong, not a defect.
    return text.encode("utf-8", "surrogatepass")
