"""Logs: followed without a gap, looked through for what matters, and shown as one."""

from daytwo.watch.logs.lines import LONGEST, Line, Reader, Write

__all__ = ["LONGEST", "Line", "Reader", "Write"]
