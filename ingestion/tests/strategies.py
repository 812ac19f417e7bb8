"""Texts that are events, almost events, or none, for the property tests."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from hypothesis import strategies as st

from ingestion.events import timestamps

NOW = 1_795_500_000_000_000  # microseconds: 2026-11-24T06:00:00Z

T = TypeVar("T")

_SPACE = st.sampled_from([b"", b"", b"", b"", b"", b"", b" ", b"\n", b"\r\n", b"\t"])
_HEX = st.sampled_from([b"0000", b"003a", b"003A", b"00b0", b"d83d", b"de00", b"d83d\\ude00", b"ffff"])
_PIECES = st.one_of(
    st.sampled_from([b"ok", b":", b"e9999", b'\\"', b"\\\\", b"\\n", b"\x7f", b"$set", b".", b"1" * 200]),
    st.text(st.characters(min_codepoint=0x20, exclude_characters='"\\', exclude_categories=["Cs"]), max_size=5).map(
        str.encode
    ),
    _HEX.map(lambda digits: b"\\u" + digits),
    st.sampled_from([b"\\u003", b"\xed\xa0\x80", b"\xff", b"\x00"]),
)


def _likely(good: st.SearchStrategy[T], odd: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    return st.integers(0, 24).flatmap(lambda draw: odd if draw == 24 else good)


_PLAIN = st.sampled_from([b"", b"ok", b"north-3", "°C ünï 😀".encode(), b"a.b", b"$ref"])
strings = _likely(_PLAIN, st.lists(_PIECES, max_size=3).map(b"".join)).map(lambda inside: b'"' + inside + b'"')
keys = _likely(
    st.sampled_from([b'"a"', b'"b"', b'"c"', b'"temperature"', b'""', b'"$id"', b'"$ref"', b'"x.y"']), strings
)
numbers = _likely(
    st.one_of(
        st.integers(-(2**63), 2**63 - 1).map(lambda n: str(n).encode()),
        st.floats(allow_nan=False, allow_infinity=False).map(lambda x: repr(x).encode()),
        st.sampled_from([b"0", b"-0", b"-0.0", b"1e5", b"1E-7", b"0.1e+1", b"9007199254740993", b"5e-324", b"1e-400"]),
    ),
    st.sampled_from(
        [
            b"1e400",
            b"1e-5000",
            b"1e-20000",
            b"0e99999",
            b"-0.0E-99999",
            b"9223372036854775808",
            b"-9223372036854775809",
            b"9" * 4000,
            b"9" * 5000,
            b"0." + b"1" * 500,
            b"0." + b"1" * 20_000,
            b"1e0000000005",
            b"01",
            b"1.",
            b"-",
            b"NaN",
        ]
    ),
)
_scalars = st.one_of(numbers, strings, st.sampled_from([b"true", b"false", b"null"]))


def _array(items: list[bytes], space: bytes = b"") -> bytes:
    return b"[" + space + (b"," + space).join(items) + b"]"


def _object(pairs: list[tuple[bytes, bytes]], space: bytes = b"") -> bytes:
    return b"{" + (space + b"," + space).join(key + space + b":" + space + value for key, value in pairs) + b"}"


def _objects(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    pairs = st.tuples(keys, values)
    distinct = st.lists(pairs, max_size=4, unique_by=lambda pair: pair[0])
    return st.builds(_object, _likely(distinct, st.lists(pairs, max_size=4)), _SPACE)


_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.builds(_array, st.lists(inner, max_size=3), _SPACE), _objects(inner)),
    max_leaves=6,
)
_deep = st.integers(1, 40).map(lambda depth: b'{"a":' * depth + b"1" + b"}" * depth)


def _stamp(at: datetime) -> bytes:
    return b'"' + at.isoformat().replace("+00:00", "Z").encode() + b'"'


payloads = st.integers(0, 19).flatmap(
    lambda draw: _deep if draw == 19 else (_objects(_values) if draw % 2 else _objects(_scalars))
)

_stamps = _likely(
    st.one_of(
        st.integers(0, NOW).map(timestamps.from_micros).map(_stamp),
        st.sampled_from(
            [b'"2026-11-24T03:15:20.123456Z"', b'"2026-11-24T03:15:20Z"', b'"2026-11-24T03:15:20.5+02:00"']
        ),
        st.integers(0, 1_795_500_000_000_000_000).map(lambda n: str(n).encode()),
    ),
    st.sampled_from(
        [
            b'"2026-11-24T03:15:60Z"',
            b'"2026-11-24T24:00:00Z"',
            b'"2026-11-24t03:15:20.1234567899z"',
            b'"2026-11-24"',
            b"1.5",
            b'"2026-W48-1T03:15:20Z"',
            b'"2026-11-24 03:15:20Z"',
            b'"2026-11-24T03:15:20,5Z"',
            b'"20261124T031520Z"',
            b"true",
            b'"2026-11-24T03\\u003a15:20Z"',
            b'"2026-11-24T03:15:20.123456789Z"',
            b"-1",
            b"9" * 30,
            b'"9999-12-31T23:59:59Z"',
            b'"0000-01-01T00:00:00Z"',
            b'"1969-12-31T23:59:59.999999Z"',
            '"\uff12026-11-24T03:15:20Z"'.encode(),
            b"null",
            b'"2026-11-24T03:15:20Z\\n2026-11-24T03:15:20Z"',
            b'"2026-11-24T03:15:20-00:00"',
            b'"2026-11-24T03:15:20+24:00"',
        ]
    ),
)
_sources = _likely(st.sampled_from([b'"sensor-1"', b'"site:7"', b'"a"']), strings)
_ids = st.sampled_from(
    [
        b'"0190a6c2-7f6e-7c3a-9d5f-3f1b2a4c5d6e"',
        b'"0190A6C2-7F6E-7C3A-9D5F-3F1B2A4C5D6E"',
        b"null",
        b'""',
        b'"00000000-0000-0000-0000-000000000000"',
        b'"0190a6c27f6e7c3a9d5f3f1b2a4c5d6e"',
        b"7",
    ]
)


@st.composite
def _events(draw: st.DrawFn) -> bytes:
    pairs = [
        (draw(_likely(st.just(b'"sourceId"'), st.sampled_from([b'"source_id"', b'"source\\u0049d"']))), draw(_sources)),
        (b'"timestamp"', draw(_stamps)),
        (b'"payload"', draw(payloads)),
    ]
    if draw(st.integers(0, 3)) == 0:
        pairs.append((draw(st.sampled_from([b'"eventId"', b'"eventId"', b'"event_id"'])), draw(_ids)))
    if draw(st.integers(0, 19)) == 0:
        pairs.insert(draw(st.integers(0, len(pairs))), draw(st.sampled_from(pairs)))
    if draw(st.integers(0, 19)) == 0:
        pairs.append((draw(keys), draw(_scalars)))
    space = draw(_SPACE)
    return space + _object(pairs, space) + space


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    text = draw(_events())
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 2)))
    return (
        text[:start] + draw(st.sampled_from([b"", *(bytes([c]) for c in b'{}[],:"\\e0- \n\r\t\xff\x00')])) + text[end:]
    )


events = st.integers(0, 9).flatmap(lambda draw: _damaged() if draw == 9 else _events())
