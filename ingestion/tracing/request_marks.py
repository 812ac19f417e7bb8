"""Which lines of a Kafka record came with which request: its id and its trace context, in one header of the record.

The header `dataflow-requests` has one line of text for each request that came with either: the first line of the record
that is of it, their number, the number of its `traceparent` header (or `-`), and the request id (or nothing).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ingestion.tracing import traceparent

# Bytes of one header; about 500 requests with a UUID and a trace. Those beyond it are not named, their traces are.
MOST = 32 * 1024
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")

_LINE = re.compile(rb"(\d{1,6}) (\d{1,6}) (\d{1,6}|-)(?: ([A-Za-z0-9._:/+=@-]{1,128}))?")


class RequestMark(NamedTuple):
    """A request whose events are some lines of a record."""

    first: int
    stop: int  # the line after its last one
    request_id: bytes | None
    trace: bytes | None  # W3C trace context

    def document(self) -> dict[str, str]:
        """Return what a stored event keeps of its request."""
        found = {"id": self.request_id, "traceparent": self.trace}
        return {name: value.decode() for name, value in found.items() if value is not None}


def within(marks: Sequence[RequestMark], first: int, stop: int) -> list[RequestMark]:
    """Return the marks of some lines, counted from the first of these."""
    return [
        mark._replace(first=max(mark.first, first) - first, stop=min(mark.stop, stop) - first)
        for mark in marks
        if mark.first < stop and mark.stop > first
    ]


def traces(marks: Iterable[RequestMark]) -> list[bytes]:
    """Return the distinct trace contexts, in their order."""
    return list(dict.fromkeys(mark.trace for mark in marks if mark.trace is not None))


def encode(marks: Iterable[RequestMark], found: Sequence[bytes]) -> bytes:
    """Return the header's value.

    :param found: what traces() returned
    """
    numbers = {trace: b"%d" % number for number, trace in enumerate(found)}
    lines: list[bytes] = []
    size = 0
    for mark in marks:
        number = b"-" if mark.trace is None else numbers[mark.trace]
        line = b"%d %d %b" % (mark.first, mark.stop - mark.first, number)
        lines.append(line if mark.request_id is None else b"%b %b" % (line, mark.request_id))
        size += len(lines[-1]) + 1
        if size > MOST:
            del lines[-1]
            break
    return b"\n".join(lines)


def decode(value: bytes | None, found: Sequence[bytes | None]) -> list[RequestMark]:
    """Read the header of a record, which anyone may have written: what is not of the form is left out.

    :param found: the values of the record's `traceparent` headers
    """
    if not value or len(value) > MOST:
        return []
    marks: list[RequestMark] = []
    for text in value.split(b"\n"):
        if not (line := _LINE.fullmatch(text)):
            continue
        first, count, number, request_id = line.groups()
        trace = found[int(number)] if number != b"-" and int(number) < len(found) else None
        marks.append(RequestMark(int(first), int(first) + int(count), request_id, traceparent.parse(trace)))
    return sorted(marks, key=_first)


def of_line(marks: Sequence[RequestMark], line: int) -> RequestMark | None:
    """Return the request that a line came with, if that is known.

    :param marks: in the order of their lines
    """
    number = bisect_right(marks, line, key=_first)
    return marks[number - 1] if number and line < marks[number - 1].stop else None


def _first(mark: RequestMark) -> int:
    return mark.first
