"""Log lines for programs: one JSON object each."""

from __future__ import annotations

import json
import logging
import math
import traceback

from dataflow_site.logs import records
from ingestion.runtime import request_context

# Characters of one text. Docker splits a line after 16 KiB, and its halves are no JSON; each of two texts may take this.
MOST = 6_000


class JsonFormatter(logging.Formatter):
    """`{"timestamp": "2025-04-11T12:00:00.123Z", "level": "WARNING", "logger": …, "message": …, …}`.

    The names are those of OpenTelemetry's logs where it has one. Whatever a value holds, a line is one object and ASCII.
    """

    def __init__(self, *, process: str) -> None:
        """Format the records of one process.

        :param process: which of the product's processes this is
        """
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "timestamp": records.timestamp(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _start_of(record.getMessage()),
            "process": self._process,
            "pid": record.process,
            **request_context.ids(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = _end_of("".join(traceback.format_exception(*record.exc_info)).strip())
        if record.stack_info:
            line["stack"] = _end_of(record.stack_info)
        for name, value in records.fields(record).items():
            line[f"{name}_" if name in line else name] = _plain(value)
        return json.dumps(line, allow_nan=False)


def _plain(value: object) -> object:
    """Return a value as JSON has it, or as text."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return _start_of(str(value))


def _start_of(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]}…"


def _end_of(text: str) -> str:
    """Return the end of a traceback, where the error stands."""
    return text if len(text) <= MOST else f"…{text[-MOST:]}"
