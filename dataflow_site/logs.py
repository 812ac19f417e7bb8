"""How every process logs: one line on standard output with time, level, logger, sentence and fields."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from dataflow_site.repeated_logs import Repeated
from ingestion.runtime import request_context

# What every record has; the rest came with `extra`.
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}


class Formatter(logging.Formatter):
    """`2025-04-11T12:00:00.123Z WARNING processing.consumer.loop: batch not stored reason="no answer" events=12`."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD} | request_context.named()
        fields = "".join(f" {name}={_shown(value)}" for name, value in extra.items())
        line = f"{moment.removesuffix('+00:00')}Z {record.levelname:<7} {record.name}: {record.getMessage()}{fields}"
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return line + trace


def _shown(value: object) -> str:
    """Return a field as one word, or as one quoted text."""
    text = str(value)
    return text if text and text.isprintable() and not set(text) & set(' "=') else json.dumps(text, ensure_ascii=False)


def configuration(level: str) -> dict[str, object]:
    """Return Django's LOGGING: everything goes through the root logger to one handler."""
    through_root: dict[str, object] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Formatter}},
        "filters": {"repeated": {"()": Repeated}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "line",
                "filters": ["repeated"],
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "django": {**through_root, "level": "INFO"},
            # A client's mistake is its answer's business, not the operator's.
            "django.request": {**through_root, "level": "ERROR"},
            "uvicorn": {**through_root, "level": "WARNING"},
            "uvicorn.error": through_root,
            "daphne": {**through_root, "level": "WARNING"},
            # Both clients repeat at INFO and WARNING what the product says once in its own words.
            "kafka": {**through_root, "level": "ERROR"},
            # A traceback for every connection that ends.
            "kafka.net.transport": {**through_root, "level": "CRITICAL"},
            "pymongo": {**through_root, "level": "WARNING"},
            "psycopg.pool": {**through_root, "level": "ERROR"},
        },
    }
