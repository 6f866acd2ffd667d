"""Numbers over time: samples, their sums by minute, five minutes, hour and day, and quantiles that stay right."""

from daytwo.watch.numbers.charts import Bucket, Trend
from daytwo.watch.numbers.digest import Digest
from daytwo.watch.numbers.numbers import Numbers
from daytwo.watch.numbers.points import Point, Summed
from daytwo.watch.numbers.series import Series
from daytwo.watch.numbers.sketch import DamagedError, Sketch
from daytwo.watch.numbers.summary import Last, Summary

__all__ = [
    "Bucket",
    "DamagedError",
    "Digest",
    "Last",
    "Numbers",
    "Point",
    "Series",
    "Sketch",
    "Summary",
    "Summed",
    "Trend",
]
