from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.exception import response_for_exception
from django.http.request import HttpRequest
from django.test import RequestFactory

from dataflow_site.logs import repeated as repeated_lines
from dataflow_site.logs.configuration import configuration
from dataflow_site.logs.repeated import Repeated
from dataflow_site.logs.text_lines import TextFormatter


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a handler writes that is made as the product's."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(TextFormatter())
    handler.addFilter(Repeated())
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def fail(number: int, *, logger: str = "ingestion.receivers") -> None:
    try:
        int(f"no number {number}")
    except ValueError:
        logging.getLogger(logger).exception("a request failed")


def test_the_handler_of_every_process_has_the_filter() -> None:
    configured: Any = configuration("INFO", "text", process="consumer")

    assert configured["filters"]["repeated"]["()"] is Repeated
    assert [handler["filters"] for handler in configured["handlers"].values()] == [["repeated"]]


def test_a_traceback_of_the_same_fault_is_logged_once_a_minute_with_the_number_of_times(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1_000):
        fail(number)
    assert lines.getvalue().count("Traceback") == 1

    monkeypatch.setattr(repeated_lines, "PAUSE", 0.0)
    fail(0)

    assert lines.getvalue().count("Traceback") == 2
    assert "repeated=999" in lines.getvalue()


def test_other_faults_and_lines_without_a_traceback_are_all_logged(lines: io.StringIO) -> None:
    fail(1)
    for number in range(3):
        logging.getLogger("ingestion").warning("a sentence", extra={"number": number})
        fail(number, logger="processing.consumer")
    try:
        float("no number")
    except ValueError:
        logging.getLogger("ingestion.receivers").exception("a request failed")

    assert (lines.getvalue().count("a sentence"), lines.getvalue().count("Traceback")) == (3, 5)


def test_a_strange_host_is_one_line_a_minute_however_often_it_comes(lines: io.StringIO) -> None:
    for number in range(200):
        refuse(RequestFactory().get("/", headers={"host": f"evil-{number}.example"}))

    assert "evil-0.example" in lines.getvalue()
    assert lines.getvalue().count("\n") == 1


def refuse(request: HttpRequest) -> None:
    try:
        request.get_host()
    except Exception as error:  # noqa: BLE001 - as Django's handler does
        response_for_exception(request, error)


def test_the_number_of_remembered_faults_is_bounded() -> None:
    repeated = Repeated()
    for number in range(1_000):
        record = logging.makeLogRecord({"name": "django.security.x", "lineno": number})
        assert repeated.filter(record)

    assert len(repeated._seen) == repeated_lines.MAX_FAULTS
