"""Every kind of wrong input and its exact answer; docs/bad-input.md is made from this table.

`python -m ingestion.tests.bad_inputs > docs/bad-input.md` writes the page.
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One request as it stands on the wire, and the answer."""

    group: str
    kind: str
    wire: bytes
    status: int
    code: str


def post(body: bytes, *headers: str, kind: str | None = "application/json", path: str = "/ingest") -> bytes:
    """A request with a declared length."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    lines += [f"Content-Type: {kind}"] if kind is not None else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(body: bytes, *headers: str, size: int = 65536, coding: str = "chunked") -> bytes:
    """A request in chunks."""
    head = [
        "POST /ingest HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Transfer-Encoding: {coding}",
    ]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return (
        "\r\n".join([*head, *headers]).encode()
        + b"\r\n\r\n"
        + b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces])
        + b"0\r\n\r\n"
    )


def event(
    *, source: str = '"bad-input"', timestamp: str = '"2025-04-11T12:00:00Z"', payload: str = '{"n":1}', more: str = ""
) -> bytes:
    """The text of an event, one part of it as given."""
    return f'{{"sourceId":{source},"timestamp":{timestamp},"payload":{payload}{more}}}'.encode()


GOOD = event()
GZIP = "Content-Encoding: gzip"
_HEAD = b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_LENGTH = b"Content-Length: %d\r\n" % len(GOOD)

_TEXT = [
    ("empty body", b"", 400, "not_json"),
    ("white space alone", b" \n ", 400, "not_json"),
    ("`null`", b"null", 422, "not_an_event"),
    ("a number", b"7", 422, "not_an_event"),
    ("a string", b'"text"', 422, "not_an_event"),
    ("an item of an array that is no object", b"[7]", 422, "nothing_accepted"),
    ("truncated", GOOD[:-1], 400, "not_json"),
    ("bytes after the end", GOOD + b"x", 400, "not_json"),
    ("two documents", GOOD + GOOD, 400, "not_json"),
    ("a comma too many", GOOD[:-1] + b",}", 400, "not_json"),
    ("single quotes", GOOD.replace(b'"', b"'"), 400, "not_json"),
    ("a comment", b"/* */" + GOOD, 400, "not_json"),
    ("byte order mark", b"\xef\xbb\xbf" + GOOD, 400, "not_json"),
    ("UTF-16", GOOD.decode().encode("utf-16"), 400, "not_json"),
    ("UTF-32", GOOD.decode().encode("utf-32-le"), 400, "not_json"),
    ("invalid UTF-8", event(payload='{"n":"?"}').replace(b"?", b"\xff"), 400, "not_json"),
    ("surrogates in UTF-8 (CESU-8)", event(payload='{"n":"?"}').replace(b"?", b"\xed\xa0\xbd"), 400, "not_json"),
    ("overlong UTF-8", event(payload='{"n":"?"}').replace(b"?", b"\xc0\xaf"), 400, "not_json"),
    ("a raw NUL in a text", event(payload='{"n":"\0"}'), 400, "not_json"),
    ("a raw tab in a text", event(payload='{"n":"\t"}'), 400, "not_json"),
    ("`NaN`", event(payload='{"n":NaN}'), 400, "not_json"),
    ("`Infinity`", event(payload='{"n":-Infinity}'), 400, "not_json"),
    ("a number with a leading zero", event(payload='{"n":01}'), 400, "not_json"),
    ("200,000 levels of lists", b"[" * 200_000, 400, "not_json"),
]
_PAYLOAD = [
    (r"`\u0000` in a value", r'{"n":"\u0000"}', 422, "invalid_text"),
    (r"`\u0000` in a key", r'{"\u0000":1}', 422, "invalid_text"),
    ("half a surrogate pair", r'{"n":"\ud83d"}', 422, "invalid_text"),
    ("half a surrogate pair in a key", r'{"\ude00":1}', 422, "invalid_text"),
    ("`1e400`", '{"n":1e400}', 422, "number_out_of_range"),
    ("2^63", '{"n":9223372036854775808}', 422, "number_out_of_range"),
    ("-2^63 - 1", '{"n":-9223372036854775809}', 422, "number_out_of_range"),
    ("a number of 4,000 digits", f'{{"n":{"9" * 4000}}}', 422, "number_out_of_range"),
    ("a number of 5,000 digits", f'{{"n":{"9" * 5000}}}', 422, "number_out_of_range"),
    ("33 levels", '{"n":' + "[" * 32 + "]" * 32 + "}", 422, "too_deep"),
    ("5,000 levels", '{"n":' + "[" * 5000 + "]" * 5000 + "}", 422, "too_deep"),
    ("100,000 levels", '{"n":' + "[" * 100_000 + "]" * 100_000 + "}", 422, "too_deep"),
    ("the same key twice", '{"n":1,"n":2}', 422, "duplicate_key"),
    ("the same key twice, once escaped", r'{"n":1,"\u006e":2}', 422, "duplicate_key"),
    ("the same key twice, further down", '{"n":[{"m":1,"m":1}]}', 422, "duplicate_key"),
    ("1,001 keys", json.dumps({f"k{n}": n for n in range(1001)}), 422, "too_many_keys"),
    ("a key of 257 characters", f'{{"{"k" * 257}":1}}', 422, "key_too_long"),
    ("payload: a list", "[1]", 422, "wrong_type"),
    ("payload: a text", '"text"', 422, "wrong_type"),
    ("payload: `null`", "null", 422, "wrong_type"),
]
_SOURCES = [
    ("empty", '""', "invalid_source_id"),
    ("129 characters", f'"{"s" * 129}"', "invalid_source_id"),
    ("a blank in it", '"a b"', "invalid_source_id"),
    ("a slash in it", '"a/b"', "invalid_source_id"),
    ("begins with a dot", '".a"', "invalid_source_id"),
    ("a letter beyond ASCII", '"Küche"', "invalid_source_id"),
    ("a newline at its end", r'"a\n"', "invalid_source_id"),
    ("a number", "7", "wrong_type"),
    ("`null`", "null", "wrong_type"),
]
_TIMES = [
    ("no zone", '"2025-04-11T12:00:00"', "invalid_timestamp"),
    ("a date alone", '"2025-04-11"', "invalid_timestamp"),
    ("30 February", '"2025-02-30T12:00:00Z"', "invalid_timestamp"),
    ("second 60", '"2025-04-11T12:00:60Z"', "invalid_timestamp"),
    ("hour 24", '"2025-04-11T24:00:00Z"', "invalid_timestamp"),
    ("zone of 24 hours", '"2025-04-11T12:00:00+24:00"', "invalid_timestamp"),
    ("year 0001", '"0001-01-01T00:00:00Z"', "invalid_timestamp"),
    ("year 10000", '"10000-01-01T00:00:00Z"', "invalid_timestamp"),
    ("Arabic digits", r'"\u0662\u0660\u0662\u0665-\u0660\u0664-\u0661\u0661T12:00:00Z"', "invalid_timestamp"),
    ("a blank before it", '" 2025-04-11T12:00:00Z"', "invalid_timestamp"),
    ("more than a day ahead", '"2999-01-01T00:00:00Z"', "invalid_timestamp"),
    ("a negative epoch", "-1", "invalid_timestamp"),
    ("an epoch far ahead", "99999999999999999999", "invalid_timestamp"),
    ("a fraction of an epoch", "1744372800.5", "wrong_type"),
    ("`true`", "true", "wrong_type"),
    ("`null`", "null", "wrong_type"),
    ("an empty text", '""', "invalid_timestamp"),
]
_FIELDS = [
    ("no sourceId", GOOD.replace(b'"sourceId":"bad-input",', b""), "missing_field"),
    ("no timestamp", GOOD.replace(b'"timestamp":"2025-04-11T12:00:00Z",', b""), "missing_field"),
    ("no payload", GOOD.replace(b',"payload":{"n":1}', b""), "missing_field"),
    ("an unknown field", event(more=',"extra":1'), "unknown_field"),
    ("a field twice", event(more=',"payload":{"n":2}'), "duplicate_key"),
    ("a field and its alias", event(more=',"source_id":"bad-input"'), "duplicate_key"),
    ("eventId: not a UUID", event(more=',"eventId":"abc"'), "invalid_event_id"),
    ("eventId: braces", event(more=',"eventId":"{019625a1-0000-7000-8000-000000000001}"'), "invalid_event_id"),
    ("eventId: without hyphens", event(more=',"eventId":"019625a1000070008000000000000001"'), "invalid_event_id"),
    ("eventId: the nil UUID", event(more=',"eventId":"00000000-0000-0000-0000-000000000000"'), "invalid_event_id"),
    ("eventId: a number", event(more=',"eventId":7'), "wrong_type"),
    ("eventId twice", event(more=',"eventId":null,"eventId":null'), "duplicate_key"),
]
_PACKED = gzip.compress(GOOD)
_LARGE = event(payload=json.dumps({"n": "x" * 256 * 1024}))
_DEEP = '{"n":' + "[" * 200_000 + "]" * 200_000 + "}"
_MEDIA = "unsupported_media_type"
_BAD = (400, "bad_request")
_REQUESTS = [
    ("a folded header", post(GOOD, "X-Note: a\r\n b"), *_BAD),
    ("event over 256 KiB", post(_LARGE), 413, "event_too_large"),
    ("200,000 levels, which are over 256 KiB too", post(event(payload=_DEEP)), 413, "event_too_large"),
    ("1,001 events", post(b"[" + b",".join([GOOD] * 1001) + b"]"), 413, "too_many_events"),
    ("1,001 lines", post(b"\n".join([GOOD] * 1001), kind="application/x-ndjson"), 413, "too_many_events"),
    ("gzip: a bomb", post(gzip.compress(b" " * 50 * MIB), GZIP), 413, "body_too_large"),
    ("gzip: packed twice, said once", post(gzip.compress(_PACKED), GZIP), 400, "not_json"),
    ("gzip: packed twice, said twice", post(gzip.compress(_PACKED), f"{GZIP}, gzip"), 415, "unsupported_encoding"),
    ("gzip: truncated", post(_PACKED[:-9], GZIP), 400, "invalid_compression"),
    ("gzip: wrong check sum", post(_PACKED[:-8] + bytes(8), GZIP), 400, "invalid_compression"),
    ("gzip: bytes after the end", post(_PACKED + b"x", GZIP), 400, "invalid_compression"),
    ("gzip: plain text said to be gzip", post(GOOD, GZIP), 400, "invalid_compression"),
    ("gzip: zlib said to be gzip", post(zlib.compress(GOOD), GZIP), 400, "invalid_compression"),
    ("gzip not said", post(_PACKED), 400, "not_json"),
    ("encoding `br`", post(GOOD, "Content-Encoding: br"), 415, "unsupported_encoding"),
    ("no content type", post(GOOD, kind=None), 415, _MEDIA),
    ("content type `text/plain`", post(GOOD, kind="text/plain"), 415, _MEDIA),
    ("a form", post(GOOD, kind="application/x-www-form-urlencoded"), 415, _MEDIA),
    ("multipart", post(GOOD, kind="multipart/form-data; boundary=x"), 415, _MEDIA),
    ("charset latin-1", post(GOOD, kind="application/json; charset=iso-8859-1"), 415, _MEDIA),
    ("charset utf-16", post(GOOD, kind="application/json; charset=utf-16"), 415, _MEDIA),
    ("a charset that does not exist", post(GOOD, kind="application/json; charset=klingon"), 415, _MEDIA),
    ("an unknown query parameter", post(GOOD, path="/ingest?result=all"), 400, "unknown_parameter"),
    ("a parameter with a wrong value", post(GOOD, path="/ingest?atomic=maybe"), 400, "invalid_parameter"),
    ("a parameter twice", post(GOOD, path="/ingest?atomic=true&atomic=true"), 400, "invalid_parameter"),
    ("an Idempotency-Key of 256 characters", post(GOOD, f"Idempotency-Key: {'k' * 256}"), 400, "invalid_header"),
    ("GET", b"GET /ingest HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "method_not_allowed"),
    ("PUT", post(GOOD).replace(b"POST", b"PUT", 1), 405, "method_not_allowed"),
    ("DELETE", post(b"").replace(b"POST", b"DELETE", 1), 405, "method_not_allowed"),
    ("OPTIONS", post(b"").replace(b"POST", b"OPTIONS", 1), 405, "method_not_allowed"),
    ("a method that does not exist", post(GOOD).replace(b"POST", b"BREW", 1), *_BAD),
    ("a key in the address", post(GOOD, path="/ingest?api_key=dfe_1"), 401, "unauthenticated"),
    ("a batch with nothing good", post(b"[{},{}]"), 422, "nothing_accepted"),
]
_FRAMING = [
    ("body declared over 5 MiB", _HEAD + b"Content-Length: 9999999\r\n\r\n", 413, "body_too_large"),
    ("chunks over 5 MiB", chunked(b" " * (5 * MIB + 1)), 413, "body_too_large"),
    ("no Host", post(GOOD).replace(b"Host: localhost\r\n", b""), *_BAD),
    ("two Hosts", post(GOOD, "Host: localhost"), *_BAD),
    ("another site's Host", post(GOOD).replace(b"localhost", b"example.org"), *_BAD),
    ("a Host of odd characters", post(GOOD).replace(b"localhost", b"local host/"), *_BAD),
    ("a length and chunks", chunked(GOOD, f"Content-Length: {len(GOOD)}"), *_BAD),
    ("two lengths", _HEAD + _LENGTH + b"Content-Length: 1\r\n\r\n" + GOOD, *_BAD),
    ("the same length twice", _HEAD + _LENGTH + _LENGTH + b"\r\n" + GOOD, *_BAD),
    ("a negative length", _HEAD + b"Content-Length: -1\r\n\r\n" + GOOD, *_BAD),
    ("a length that is no number", _HEAD + b"Content-Length: 0x10\r\n\r\n" + GOOD, *_BAD),
    ("a length of 30 digits", _HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + GOOD, *_BAD),
    ("a transfer encoding that is not chunked", _HEAD + b"Transfer-Encoding: gzip\r\n\r\n" + GOOD, *_BAD),
    ("a transfer encoding before chunked", chunked(GOOD, coding="gzip, chunked"), 501, "unsupported_transfer_encoding"),
    ("a chunk size that is no number", _HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD, *_BAD),
    ("a bare line feed", post(GOOD).replace(b"\r\n", b"\n", 3), *_BAD),
    ("a blank before the colon", post(GOOD).replace(b"Host:", b"Host :"), *_BAD),
    ("a NUL in a header", post(GOOD, "X-Note: a\0b"), *_BAD),
    ("a header of 100 KB", post(GOOD, f"X-Note: {'x' * 100_000}"), 431, "headers_too_large"),
    ("2,000 headers", post(GOOD, *["X-N: 1"] * 2000), 431, "headers_too_large"),
    ("101 headers", post(GOOD, *["X-N: 1"] * 98), 431, "headers_too_large"),
    ("an address of 20 KB", post(GOOD, path=f"/ingest?{'x' * 20_000}"), 431, "headers_too_large"),
    ("no HTTP", b"hello\r\n\r\n", *_BAD),
    ("TLS on the plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), *_BAD),
    ("HTTP/2 without being asked", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", *_BAD),
    ("HTTP/0.9", b"POST /ingest\r\n\r\n", *_BAD),
    ("a slow head", _HEAD, 408, "request_timeout"),
    ("a slow body", post(GOOD)[:-1], 408, "request_timeout"),
    ("slow chunks", chunked(GOOD)[:-5], 408, "request_timeout"),
]

ROWS = [
    *[Row("Text", kind, post(body), status, code) for kind, body, status, code in _TEXT],
    *[Row("Payload", kind, post(event(payload=text)), status, code) for kind, text, status, code in _PAYLOAD],
    *[Row("sourceId", kind, post(event(source=text)), 422, code) for kind, text, code in _SOURCES],
    *[Row("timestamp", kind, post(event(timestamp=text)), 422, code) for kind, text, code in _TIMES],
    *[Row("Fields", kind, post(body), 422, code) for kind, body, code in _FIELDS],
    *[Row("Request", kind, wire, status, code) for kind, wire, status, code in _REQUESTS],
    *[Row("HTTP", kind, wire, status, code) for kind, wire, status, code in _FRAMING],
]

# What looks wrong and is not: taken, and stored as sent.
FINE = [
    ("a small body in chunks", chunked(GOOD, size=7)),
    ("gzip", post(_PACKED, GZIP)),
    ("gzip in two members", post(gzip.compress(GOOD[:9]) + gzip.compress(GOOD[9:]), GZIP)),
    ("`1e-400`, which is 0 as a double", post(event(payload='{"n":1e-400}'))),
    ("an empty key", post(event(payload='{"":1}'))),
    (
        "`$where`, `a.b`, `__proto__`, `_id` as keys",
        post(event(payload='{"$where":1,"a.b":{"$gt":2},"__proto__":{},"_id":"x"}')),
    ),
    ("32 levels", post(event(payload='{"n":' + "[" * 31 + "]" * 31 + "}"))),
    ("1,000 keys", post(event(payload=json.dumps({f"k{n}": n for n in range(1000)})))),
    ("a key of 256 characters", post(event(payload=f'{{"{"k" * 256}":1}}'))),
    ("2^63 - 1 and -2^63", post(event(payload='{"n":[9223372036854775807,-9223372036854775808]}'))),
    ('charset "UTF-8" in quotes', post(GOOD, kind='application/json; charset="UTF-8"')),
    ("charset us-ascii", post(GOOD, kind="application/json; charset=us-ascii")),
    ("encoding `gzip, identity`", post(_PACKED, f"{GZIP}, identity")),
    ("content type `text/json`", post(GOOD, kind="text/json")),
    ("content type `application/jsonl`", post(GOOD, kind="application/jsonl")),
    ("content type `application/x-jsonlines`", post(GOOD, kind="application/x-jsonlines")),
    ("a slash at the end of the address", post(GOOD, path="/ingest/")),
    ("an upgrade that is offered", post(GOOD, "Connection: Upgrade", "Upgrade: h2c")),
    ("empty lines before the request", b"\r\n\r\n" + post(GOOD)),
    ("HTTP/1.0 without Host", post(GOOD).replace(b"Host: localhost\r\n", b"").replace(b"HTTP/1.1", b"HTTP/1.0")),
    ("100 headers", post(GOOD, *["X-N: 1"] * 97)),
]

_INTRODUCTION = """# Wrong input and its answer

Made from `ingestion/tests/bad_inputs.py`, which a test sends to the ingest port (8081) and to the web port (8080) over real
sockets, row by row: each answer is exactly the one below, as `application/problem+json`, nothing of it is stored, and no
value that was sent is repeated in it. [Problem codes](problems.md) says what each code means. A bad event inside a batch of
good ones is a rejected item with the same code, and the rest goes on (207). The group *HTTP* is the same for every page.
"""


def page() -> str:
    """The documentation page."""
    lines = [_INTRODUCTION]
    for group in dict.fromkeys(row.group for row in ROWS):
        lines += [f"## {group}", "", "| what | status | code |", "|---|---|---|"]
        lines += [f"| {row.kind} | {row.status} | `{row.code}` |" for row in ROWS if row.group == group]
        lines.append("")
    lines += ["## Taken", "", "These are fine, and are stored as they were sent:", ""]
    return "\n".join([*lines, *[f"- {kind}" for kind, _ in FINE], ""])


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
