"""InfluxDB's line protocol: splits a body into lines and parses each line.

https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from ingestion.events import strict_parser
from ingestion.events.model import MAX_KEY_LENGTH, MAX_KEYS, InvalidEvent
from ingestion.problems import Code
from ingestion.receivers.influx import field_values
from ingestion.receivers.influx.field_values import malformed

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # with which some editors begin a file
MAX_SERIES_LENGTH = 65_535  # characters of measurement and tags, as in InfluxDB

# A text in double quotes may hold newlines. It is one only if it also ends like one: a quote that was not closed
# makes its own line invalid, not all lines up to the next quote.
_LOGICAL = re.compile(
    rb'[ \t]*+(?:\\[,= ]|[^\\\n ]++|\\)*+(?:="(?:[^"\\]++|\\.)*+"(?=[, \r\n]|\Z)|\\[,= ]|[^=\\\n]++|[=\\])*+', re.DOTALL
)

# Whole lines that are blank or comments.
_SKIPPED = re.compile(rb"(?:[ \t\r]*+(?:#[^\n]*+)?\n)++")

# A backslash before any other character is a backslash, as InfluxDB's own parser has it.
_MEASUREMENT = re.compile(r"(?:\\[, ]|[^, ])++")
_NAME = re.compile(r"(?:\\[,= ]|[^,= ])++")
_MEASUREMENT_ESCAPE = re.compile(r"\\([, ])")
_NAME_ESCAPE = re.compile(r"\\([,= ])")

# Unicode's categories of control and format characters and of white space. One before a measurement, such as a byte order
# mark, would make another series that looks the same.
_UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}

_SPACES = re.compile(r" *+")
_STAMP = re.compile(r"-?[0-9]{1,19}")


class PointLine(NamedTuple):
    """One parsed and validated line."""

    head: str  # measurement and tags, as written
    measurement: str
    tags: dict[str, str]
    fields: dict[str, bytes]  # values as JSON
    stamp: int | None  # in the request's precision


def lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is neither blank nor a comment, with its number from 0."""
    number, start = 0, len(BYTE_ORDER_MARK) if body.startswith(BYTE_ORDER_MARK) else 0
    while start < len(body):
        if skipped := _SKIPPED.match(body, start):
            number += body.count(b"\n", start, skipped.end())
            start = skipped.end()
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        text, newlines = body[start:end], 0
        if b'"' in text and not text.lstrip(b" \t").startswith(b"#"):
            match = _LOGICAL.match(body, start)
            assert match is not None  # it matches nothing, too
            text = match[0]
            newlines = text.count(b"\n")
            end = match.end()
        text = text.strip(b" \r").lstrip(b" \t")
        if text and not text.startswith(b"#"):
            yield number, text
        number += newlines + 1
        start = end + 1


def parse(line: bytes) -> PointLine:
    """Parse one line without the newline at its end.

    :raises InvalidEvent: the first thing that is wrong
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise malformed("expected UTF-8") from error
    match = _MEASUREMENT.match(text)
    if match is None:
        raise malformed("expected a measurement")
    measurement = _MEASUREMENT_ESCAPE.sub(r"\1", match[0])
    strict_parser.check_text(measurement, pointer="")
    if unicodedata.category(text[0]) in _UNSEEN:
        raise malformed("expected a measurement that begins with a character that is seen")
    tags, place = _tags(text, match.end())
    head = text[:place]
    if len(head) > MAX_SERIES_LENGTH:
        raise InvalidEvent(
            Code.KEY_TOO_LONG, f"expected a measurement and tags of at most {MAX_SERIES_LENGTH:,} characters"
        )
    after = _after_spaces(text, place)
    if after in {place, len(text)}:
        raise malformed("expected a space and fields after measurement and tags")
    fields, place = _fields(text, after)
    return PointLine(head, measurement, tags, fields, _stamp(text, place))


def _tags(text: str, place: int) -> tuple[dict[str, str], int]:
    tags: dict[str, str] = {}
    while text.startswith(",", place):
        key, pointer, place = _key(text, place + 1, known=tags, parent="/tags")
        match = _NAME.match(text, place)
        if match is None:
            raise malformed("expected a value, tags without one are left out", pointer=pointer)
        tags[key] = _NAME_ESCAPE.sub(r"\1", match[0])
        strict_parser.check_text(tags[key], pointer=pointer)
        place = match.end()
    return tags, place


def _fields(text: str, place: int) -> tuple[dict[str, bytes], int]:
    fields: dict[str, bytes] = {}
    place -= 1
    while not fields or text.startswith(",", place):
        key, pointer, place = _key(text, place + 1, known=fields, parent="/payload")
        fields[key], place = field_values.read(text, place, pointer=pointer)
    return fields, place


def _key(text: str, place: int, *, known: dict[str, str] | dict[str, bytes], parent: str) -> tuple[str, str, int]:
    """Parse a key and its equals sign; return the key, its pointer, and the position of its value."""
    match = _NAME.match(text, place)
    if match is None or not text.startswith("=", match.end()):
        raise malformed("expected key=value", pointer=parent)
    key = _NAME_ESCAPE.sub(r"\1", match[0])
    pointer = strict_parser.at(parent, key)
    if len(key) > MAX_KEY_LENGTH:
        raise InvalidEvent(
            Code.KEY_TOO_LONG, f"{parent}: expected keys of at most {MAX_KEY_LENGTH} characters", pointer=parent
        )
    strict_parser.check_text(key, pointer=pointer)
    if len(known) == MAX_KEYS:
        raise InvalidEvent(Code.TOO_MANY_KEYS, f"{parent}: expected at most {MAX_KEYS} keys", pointer=parent)
    if key in known:
        raise InvalidEvent(Code.DUPLICATE_KEY, f"{pointer}: the key stands here for the second time", pointer=pointer)
    return key, pointer, match.end() + 1


def _stamp(text: str, place: int) -> int | None:
    after = _after_spaces(text, place)
    if after == len(text):
        return None
    if after == place:
        raise malformed("expected a comma or a space after a field's value", pointer="/payload")
    if not _STAMP.fullmatch(text, after):
        raise InvalidEvent(
            Code.INVALID_TIMESTAMP, "/timestamp: expected an integer as the last part of the line", pointer="/timestamp"
        )
    return int(text[after:])


def _after_spaces(text: str, place: int) -> int:
    match = _SPACES.match(text, place)
    assert match is not None  # it matches nothing, too
    return match.end()
