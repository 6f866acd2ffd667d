"""The daemon's log: one line an event, as text or as JSON, on standard error, without secrets."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Literal

from daytwo.core.secrets import redact
from daytwo.core.terminal import in_json, one_line


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        text = f"{at} {record.levelname:<7} {_area(record)}: {one_line(record.getMessage())}"
        return redact(text if not record.exc_info else f"{text}\n{_trace(record)}")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "area": _area(record),
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            line["trace"] = redact(_trace(record))
        return in_json(json.dumps(line, ensure_ascii=False))


def _area(record: logging.LogRecord) -> str:
    return record.name.removeprefix("daytwo.").split(".")[-1]


def _trace(record: logging.LogRecord) -> str:
    return "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""


def configure(form: Literal["text", "json"]) -> None:
    """Have everything that daytwo logs written in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("daytwo").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # else anybody fills the log, a line a bad request
