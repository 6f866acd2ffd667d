"""Real traffic: access logs read as numbers, by log and by route, and the numbers that apps hand in."""

from daytwo.watch.traffic.reader import AccessReader, reader_of

__all__ = ["AccessReader", "reader_of"]
