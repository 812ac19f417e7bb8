"""A field's value in line protocol, as JSON."""

from __future__ import annotations

import re

import msgspec

from ingestion.events import strict_parser
from ingestion.events.model import INT64_MAX, INT64_MIN, MAX_EXPONENT, MAX_NUMBER_LENGTH, InvalidEvent
from ingestion.problems import Code

MAX_EXACT_DIGITS = 15  # so many digits of an integer are exact in a 64-bit float

_TEXT = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_BARE = re.compile(r"[^, ]*+")
_TEXT_ESCAPE = re.compile(r'\\(["\\])')

_INTEGER = re.compile(r"(-?[0-9]+)i|([0-9]+)u")
_FLOAT = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE]([+-]?[0-9]++))?")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_BOOLEANS = dict.fromkeys(("t", "T", "true", "True", "TRUE"), b"true") | dict.fromkeys(
    ("f", "F", "false", "False", "FALSE"), b"false"
)
_encode = msgspec.json.Encoder().encode


def read(text: str, place: int, *, pointer: str) -> tuple[bytes, int]:
    """Parse the value at a position of a line; return it as JSON, and the position after it.

    :param pointer: to the field, for error messages
    :raises InvalidEvent: no value, or one that can't be kept
    """
    if text.startswith('"', place):
        match = _TEXT.match(text, place)
        if match is None:
            raise malformed("expected a double quote at the end of the text", pointer=pointer)
        content = _TEXT_ESCAPE.sub(r"\1", match[1])
        strict_parser.check_text(content, pointer=pointer)
        return _encode(content), match.end()
    match = _BARE.match(text, place)
    assert match is not None  # it also matches an empty text
    bare = match[0]
    return _BOOLEANS.get(bare) or _number(bare, pointer=pointer), match.end()


def _number(text: str, *, pointer: str) -> bytes:
    if match := _INTEGER.fullmatch(text):
        return _integer(match[1] or match[2], pointer=pointer)
    if match := _FLOAT.fullmatch(text):
        return _float(text, match[1] or "0", pointer=pointer)
    if _NOT_A_NUMBER.fullmatch(text):
        raise _odd_number("expected a finite number", pointer=pointer)
    detail = f"{pointer}: expected a number, 1i, 1u, true, false, or a text in double quotes"
    raise InvalidEvent(Code.WRONG_TYPE, detail, pointer=pointer)


def _integer(text: str, *, pointer: str) -> bytes:
    # The length first: Python refuses to convert very long ones.
    if len(text) > MAX_NUMBER_LENGTH or not INT64_MIN <= int(text) <= INT64_MAX:
        raise _odd_number("expected an integer of at most 64 bits, with its sign", pointer=pointer)
    return text.encode() if _JSON_NUMBER.fullmatch(text) else b"%d" % int(text)


def _float(text: str, exponent: str, *, pointer: str) -> bytes:
    """Return the sender's text where it is the same number in JSON."""
    if len(text) > MAX_NUMBER_LENGTH or abs(int(exponent)) > MAX_EXPONENT:
        detail = f"expected at most {MAX_NUMBER_LENGTH} characters and an exponent within {MAX_EXPONENT}"
        raise _odd_number(detail, pointer=pointer)
    number = float(text)
    if abs(number) == float("inf"):
        raise _odd_number("expected a number that a 64-bit float can hold", pointer=pointer)
    match = _JSON_NUMBER.fullmatch(text)
    # Without a point or an exponent JSON's readers take it for an integer, which is another number beyond these digits.
    if match and (match[1] or match[2] or len(text.lstrip("-")) <= MAX_EXACT_DIGITS):
        return text.encode()
    return repr(number).encode()


def malformed(detail: str, *, pointer: str = "") -> InvalidEvent:
    """Build the error of a malformed line, with the place."""
    return InvalidEvent(Code.INVALID_LINE, f"{pointer}: {detail}" if pointer else detail, pointer=pointer)


def _odd_number(detail: str, *, pointer: str) -> InvalidEvent:
    return InvalidEvent(Code.NUMBER_OUT_OF_RANGE, f"{pointer}: {detail}", pointer=pointer)
