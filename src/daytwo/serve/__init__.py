"""The daemon: its parts, signals, schedules, and the runs it hands out."""
