"""Log lines for people: time, level, logger, sentence and fields."""

from __future__ import annotations

import json
import logging

from dataflow_site.logs import records
from ingestion.runtime import request_context


class TextFormatter(logging.Formatter):
    """`2025-04-11T12:00:00.123Z WARNING processing.consumer.loop: batch not stored reason="no answer" events=12`."""

    def format(self, record: logging.LogRecord) -> str:
        extra = records.fields(record) | request_context.named()
        fields = "".join(f" {name}={_shown(value)}" for name, value in extra.items())
        # What a client sent must not begin a line of its own.
        sentence = records.one_line(record.getMessage())
        line = f"{records.timestamp(record)} {record.levelname:<7} {record.name}: {sentence}{fields}"
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return line + trace


def _shown(value: object) -> str:
    """Return a field as one word, or as one quoted text."""
    text = str(value)
    return text if text and text.isprintable() and not set(text) & set(' "=') else json.dumps(text, ensure_ascii=False)
