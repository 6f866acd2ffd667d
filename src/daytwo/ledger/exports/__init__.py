"""Exports: records that data left the app. Only ever added to; each one's digest is in the audit trail."""

from daytwo.ledger.exports.query import ExportFilter
from daytwo.ledger.exports.record import ExportRecord, Status, Submission
from daytwo.ledger.exports.register import Added, Exports
from daytwo.ledger.exports.totals import By, Total, Totals

__all__ = ["Added", "By", "ExportFilter", "ExportRecord", "Exports", "Status", "Submission", "Total", "Totals"]
