"""Numbers with their unit, for people."""

from daytwo.core.check import Unit
from daytwo.core.units import Size

_DAY = 86400.0


def shown(value: float, unit: Unit | None) -> str:
    """A number in base units, in a few characters."""
    if unit is Unit.SECONDS:
        return _seconds(value)
    if unit is Unit.BYTES:
        return Size(value).human if value >= 0 else f"-{Size(-value).human}"
    if unit is Unit.RATIO:
        return f"{value * 100:.3g} %" if value < 1 else f"{value * 100:.0f} %"
    text = f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.3g}"
    return f"{text}/s" if unit is Unit.PER_SECOND else text


def _seconds(value: float) -> str:
    size = abs(value)
    if size >= 2 * _DAY:
        return f"{value / _DAY:.0f} days"
    if size >= 7200:
        return f"{value / 3600:.1f} h"
    if size >= 120:
        return f"{value / 60:.1f} min"
    if size >= 1 or value == 0:
        return f"{value:.3g} s"
    return f"{value * 1000:.3g} ms"


def lasting(seconds: float) -> str:
    """A length of time for people, in its two largest units: `1 h 5 min`."""
    if seconds < 0:
        return f"-{lasting(-seconds)}"
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def share(value: float | None, digits: int = 3) -> str:
    """A share in percent, never rounded up: 100 % is only what had no failure."""
    if value is None:
        return "-"
    scale = 10 ** (digits + 2)
    return f"{int(value * scale + 1e-6) / scale * 100:.{digits}f} %"
