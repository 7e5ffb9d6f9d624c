"""Log lines, one an event: readable text, or JSON where DISPATCHER_LOG=json."""

import json
import logging
from datetime import UTC, datetime

from dispatcher.diagnostics import RedactedLines
from dispatcher.redaction import redact

QUIET = ("celery.app.trace", "celery.worker.strategy", "alembic")
"""Loggers that would write lines for every message, or of things that nobody asks about."""

FIELDS = ("campaign", "chunk", "attempt", "pack_id", "trace_id", "span_id")


class TextLines(RedactedLines):
    """Time, level, words, and the event's fields as name=value."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        words = " ".join(super().formatMessage(record).split())
        fields = _fields(record)
        return " ".join([words, *(f"{name}={fields[name]}" for name in fields)])


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up(logger: logging.Logger, *, json_lines: bool) -> None:
    """Let every handler of the logger write in the one form or the other, of what matters."""
    for handler in logger.handlers:
        handler.setFormatter(JsonLines() if json_lines else TextLines())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
