"""Text from elsewhere, made fit to be shown, stored and logged."""

from daytwo.core.secrets import redact

LONGEST = 200
"""Characters of one piece that are kept."""


def plain(text: str | bytes, longest: int = LONGEST) -> str:
    """One line of printable text without secrets.

    Args:
        text: bytes are taken as UTF-8 and what is not as signs of replacement.
        longest: characters that are kept.
    """
    if isinstance(text, bytes):
        text = text[: longest * 8].decode("utf-8", "replace")
    # A secret may be cut by the limit, so it is looked for first; but not in megabytes.
    text = redact(text[: longest * 8])
    if len(text) > longest:
        text = f"{text[: longest - 3]}..."
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)
