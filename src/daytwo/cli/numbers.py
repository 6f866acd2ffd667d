"""Numbers with their unit, for people."""

from daytwo.core.shown import shown

__all__ = ["shown"]
