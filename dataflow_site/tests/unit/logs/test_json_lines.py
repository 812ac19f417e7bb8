"""One JSON object a line, whatever it holds."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextvars import Context
from typing import Any

import pytest

from dataflow_site.logs import json_lines, uncaught
from dataflow_site.logs.json_lines import JsonFormatter
from ingestion.runtime import request_context

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
# Each of them ends a line for some program.
BREAKS = "a\nb\r\nc\x0bd\x0ce\x1ef\x85g\u2028h\u2029i\x00j\x1b[31mk"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a handler writes in this form."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(process="consumer"))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def fail(text: str) -> None:
    raise ValueError(text)


def line(message: str, *args: object, **fields: object) -> dict[str, Any]:
    """Return what a record becomes, which has to be one line."""
    record = logging.makeLogRecord(
        {"name": "processing.loop", "levelname": "WARNING", "msg": message, "args": args, "created": 1_744_372_800.5}
    )
    record.__dict__.update(fields)
    text = JsonFormatter(process="consumer").format(record)
    assert text.isascii()
    assert len(text.splitlines()) == 1
    found: dict[str, Any] = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    return found


def test_a_line_has_time_level_logger_message_process_and_fields() -> None:
    found = line("%d batches not stored", 2, events=12, partitions=[0, 3], share=0.5, topic="raw-data")

    assert found.pop("pid") > 0 or found
    assert found == {
        "timestamp": "2025-04-11T12:00:00.500Z",
        "level": "WARNING",
        "logger": "processing.loop",
        "message": "2 batches not stored",
        "process": "consumer",
        "events": 12,
        "partitions": [0, 3],
        "share": 0.5,
        "topic": "raw-data",
    }


def test_what_would_end_a_line_does_not() -> None:
    found = line("refused %s", BREAKS, source=BREAKS)

    assert (found["message"], found["source"]) == (f"refused {BREAKS}", BREAKS)


def test_an_exception_is_a_field_of_its_line_with_all_that_led_to_it() -> None:
    try:
        try:
            fail(BREAKS)
        except ValueError as first:
            raise RuntimeError("second") from first
    except RuntimeError:
        found = line("bug", exc_info=sys.exc_info())

    assert found["exception"].startswith("Traceback")
    assert found["exception"].endswith("RuntimeError: second")
    assert f"ValueError: {BREAKS}" in found["exception"]


def test_values_that_json_does_not_have_become_text() -> None:
    found = line("odd", nan=float("nan"), never=float("-inf"), key=b"\xff", kind={1: 2}, half="\ud800", of={"a"})

    assert found["nan"], found["never"] == ("nan", "-inf")
    assert (found["key"], found["kind"], found["half"], found["of"]) == ("b'\\xff'", "{1: 2}", "\ud800", ["a"])


def test_a_field_can_not_stand_for_what_every_line_has() -> None:
    found = line("forged", level="CRITICAL", timestamp="never", trace_id="0")

    assert (found["level"], found["level_"]) == ("WARNING", "CRITICAL")
    assert (found["timestamp"], found["timestamp_"]) == ("2025-04-11T12:00:00.500Z", "never")


def test_a_line_has_a_bounded_length() -> None:
    try:
        fail("x" * 1_000_000 + "the end")
    except ValueError:
        found = line("y" * 1_000_000, exc_info=sys.exc_info(), field="z" * 1_000_000)

    assert max(len(str(value)) for value in found.values()) == json_lines.MOST + 1
    assert found["exception"].endswith("the end")


def test_a_line_of_a_request_has_its_id_trace_and_span() -> None:
    head = {b"x-request-id": b"order-66", b"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01".encode()}

    def logged() -> dict[str, Any]:
        request_context.begin(head)
        return line("within")

    within, outside = Context().run(logged), line("outside")

    assert (within["request_id"], within["trace_id"], within["span_id"]) == ("order-66", TRACE_ID, SPAN_ID)
    assert not {"request_id", "trace_id", "span_id"} & set(outside)


def test_what_nobody_catches_and_warnings_are_lines_too(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, hook in ((sys, "excepthook"), (threading, "excepthook")):
        monkeypatch.setattr(module, hook, getattr(module, hook))
    uncaught.log_uncaught()
    logging.captureWarnings(capture=False)

    thread = threading.Thread(target=lambda: 1 // 0, name="worker")
    thread.start()
    thread.join()
    try:
        fail("ends it")
    except ValueError:
        sys.excepthook(*sys.exc_info())

    of_thread, of_process = (json.loads(text) for text in written.getvalue().splitlines())
    assert (of_thread["ended"], of_thread["exception"].splitlines()[-1][:17]) == ("worker", "ZeroDivisionError")
    assert (of_process["level"], of_process["exception"].splitlines()[-1]) == ("CRITICAL", "ValueError: ends it")
