"""What verdicts and numbers of a time come to: uptime and objectives, a score, reports of days, weeks and months."""

from daytwo.watch.reports.data import PerformanceData, ReportData, UptimeData
from daytwo.watch.reports.facts import WINDOWS
from daytwo.watch.reports.reports import Reports
from daytwo.watch.reports.score import score
from daytwo.watch.reports.span import Every
from daytwo.watch.reports.terms import Terms

__all__ = ["WINDOWS", "Every", "PerformanceData", "ReportData", "Reports", "Terms", "UptimeData", "score"]
