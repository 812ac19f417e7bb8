"""One line a record, for people."""

from __future__ import annotations

import logging

from dataflow_site.logs.text_lines import TextFormatter


def line(message: str, *args: object, **fields: object) -> str:
    record = logging.makeLogRecord(
        {
            "name": "processing.consumer.loop",
            "levelname": "WARNING",
            "msg": message,
            "args": args,
            "created": 1_744_372_800.5,
        }
    )
    record.__dict__.update(fields)
    return TextFormatter().format(record)


def test_a_line_has_time_level_logger_sentence_and_fields() -> None:
    expected = "2025-04-11T12:00:00.500Z WARNING processing.consumer.loop: batch not stored events=12 topic=raw-data"

    assert line("batch not stored", events=12, topic="raw-data") == expected


def test_a_field_with_a_blank_is_quoted() -> None:
    assert line("refused", reason='said "no"').endswith(r'refused reason="said \"no\""')


def test_a_field_can_not_begin_a_line_of_its_own() -> None:
    assert line("refused", source="a\n2025-04-11 ERROR forged").count("\n") == 0


def test_a_sentence_can_not_begin_a_line_of_its_own() -> None:
    assert line("refused %s", "a\r\n2025-04-11 ERROR forged\u2028x").endswith(
        r"refused a\r\n2025-04-11 ERROR forged\u2028x"
    )


def test_an_exception_follows_with_its_trace() -> None:
    text = line("bug", exc_info=(ValueError, ValueError("broken"), None))

    assert text.splitlines()[0].endswith("bug")
    assert text.splitlines()[-1] == "ValueError: broken"
