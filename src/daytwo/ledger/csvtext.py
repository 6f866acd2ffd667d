"""CSV that a spreadsheet opens as data, never as formulas."""

import csv
import io
from collections.abc import Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What OWASP lists, with its full-width forms, as the beginning of a formula: https://owasp.org/www-community/attacks/CSV_Injection"""


def csv_line(values: Sequence[object]) -> str:
    """One line with its end (CRLF, as in RFC 4180); before text that begins like a formula stands an apostrophe."""
    out = io.StringIO()
    csv.writer(out).writerow([_safe(value) for value in values])
    return out.getvalue()


def _safe(value: object) -> object:
    # Numbers are numbers: a negative one is no formula.
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value
