"""The headers of Kafka records: this product's own names, and how those of other producers are told from them.

A header's value is bytes or null, and nothing in it can be trusted: whoever may write to a topic may write anything.
"""

from __future__ import annotations

from ingestion.tracing import request_marks, traceparent
from ingestion.tracing.request_marks import RequestMark

Headers = list[tuple[str, bytes | None]]

FORMAT_VERSION = 1  # of this product's records; docs/records.md describes them
VERSION = "dataflow-version"
COUNT = "dataflow-count"  # the number of events in the record
TRACE = "traceparent"  # W3C trace context
REQUESTS = "dataflow-requests"  # which lines came with which request: see ingestion.tracing.request_marks
REDRIVE_OF = "redrive-of"  # the number of the dead letter that a record redrives
# The names of earlier releases, of which the only version was 1. Other producers have headers of these names, too.
_OLD_VERSION, _OLD_COUNT = "v", "n"
_OLD_FORMAT = b"1"

_MOST_DIGITS = 6  # of a version or count; a longer one was not written by this product
_MOST_ID_DIGITS = 18  # of a dead letter's number: below 2**63


def version(headers: Headers) -> int | None:
    """Return the version of this product's format that a record has; None: it is another producer's."""
    if not headers:
        return None
    found = dict(headers)
    number = _number(found.get(VERSION))
    if not number and _is_old(found):
        return int(_OLD_FORMAT)
    return number or None


def event_count(headers: Headers) -> int | None:
    """Return the number of events that the record says it has; None: it says nothing that can be read."""
    if not headers:
        return None
    found = dict(headers)
    number = _number(found.get(COUNT))
    if number is None and _is_old(found):
        return _number(found[_OLD_COUNT])
    return number


def redriven_letter(headers: Headers) -> int | None:
    """Return the number of the dead letter that the record redrives, if it redrives one."""
    for name, value in headers:
        if name == REDRIVE_OF and value and value.isdigit() and len(value) <= _MOST_ID_DIGITS:
            return int(value)
    return None


def traces(headers: Headers) -> list[str]:
    """Return the trace contexts of the requests whose events the record has."""
    return [value.decode(errors="replace") for name, value in headers if name == TRACE and value]


def requests(headers: Headers) -> list[RequestMark]:
    """Return the requests that the lines of a record came with, as far as the record names them.

    A record of another producer has one trace context, if any: that of all its lines.
    """
    found = [value for name, value in headers if name == TRACE]
    for name, value in headers:
        if name == REQUESTS:
            return request_marks.decode(value, found)
    if len(found) == 1 and version(headers) is None and (trace := traceparent.parse(found[0])):
        return [RequestMark(0, 10**_MOST_DIGITS, None, trace)]
    return []


def _is_old(found: dict[str, bytes | None]) -> bool:
    return found.get(_OLD_VERSION) == _OLD_FORMAT and _number(found.get(_OLD_COUNT)) is not None


def _number(value: bytes | None) -> int | None:
    return int(value) if value and value.isdigit() and len(value) <= _MOST_DIGITS else None
