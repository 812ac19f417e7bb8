"""Builds invalid requests to the receivers: known valid and invalid ones, mutated at random."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator

from ingestion.tests.bad_inputs import FINE, GOOD, ROWS, chunked, post

CLOUDEVENT = (
    b'{"specversion":"1.0","id":"1","source":"/fuzz","type":"t","time":"2025-04-11T12:00:00Z","data":{"n":[1,"a"]}}'
)
LINES = b'cpu,host=a\\ b,core=0 usage=1.5,n=7i,on=t,text="a\\"b,c" 1744372800000000000\nmem free=1e3\n'
LONGEST = 300_000  # bytes of a request; larger ones are in the table of invalid input

_BINARY = ["ce-specversion: 1.0", "ce-id: 1", "ce-source: /fuzz", "ce-type: t", 'ce-note: "a%20b"']
RECEIVERS = [
    post(CLOUDEVENT, kind="application/cloudevents+json"),
    post(b"[%b,%b]" % (CLOUDEVENT, CLOUDEVENT), kind="application/cloudevents-batch+json"),
    post(b'{"n":1}', *_BINARY),
    post(b"<n/>", *_BINARY, kind="text/xml"),
    post(LINES, kind="text/plain", path="/write?precision=ns&db=x"),
    post(LINES, kind="text/plain", path="/api/v2/write?precision=ns"),
    post(gzip.compress(LINES), "Content-Encoding: gzip", kind="text/plain", path="/api/v2/write"),
    post(GOOD + b"\n" + GOOD, kind="application/x-ndjson"),
    post(b"[%b,{}]" % GOOD, path="/ingest?results=all&atomic=true"),
    post(GOOD, "Idempotency-Key: fuzz", "X-Request-ID: fuzz", "Authorization: Basic YTpi"),
    post(GOOD, path="/ingest/validate"),
    chunked(GOOD, size=9),
    b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n",
]
SEEDS = [wire for wire in (*RECEIVERS, *[wire for _, wire in FINE], *[row.wire for row in ROWS]) if len(wire) < LONGEST]
# Values that break parsers.
TOKENS = [
    *(b"\0", b"\r\n", b"\n", b"\r\n\r\n", b"\xff", b"\xed\xa0\x80", b"\\u0000", b"\\ud800", b"\\", b'"', b"{", b"[", b"}", b"]"),
    *(b":", b",", b"=", b" ", b"%00", b"%", b"?", b"&", b"-1", b"1e999", b"9" * 400, b"NaN", b"null", b"0x1", b"[" * 2000),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Host: a\r\n"),
    *(b"Content-Type: application/x-ndjson\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"\x1f\x8b\x08"),
]  # fmt: skip

Bend = Callable[[random.Random, bytes], bytes]


def _flip(chance: random.Random, wire: bytes) -> bytes:
    at = chance.randrange(len(wire))
    return wire[:at] + bytes([chance.randrange(256)]) + wire[at + 1 :]


def _cut(chance: random.Random, wire: bytes) -> bytes:
    start = chance.randrange(len(wire))
    return wire[:start] + wire[start + chance.randrange(1, 40) :]


def _insert(chance: random.Random, wire: bytes) -> bytes:
    at = chance.randrange(len(wire) + 1)
    return wire[:at] + chance.choice(TOKENS) + wire[at:]


def _repeat(chance: random.Random, wire: bytes) -> bytes:
    start = chance.randrange(len(wire))
    piece = wire[start : start + chance.randrange(1, 200)]
    return wire[:start] + piece * chance.randrange(2, 9) + wire[start:]


def _splice(chance: random.Random, wire: bytes) -> bytes:
    other = chance.choice(SEEDS)
    return wire[: chance.randrange(len(wire) + 1)] + other[chance.randrange(len(other)) :]


def _body(chance: random.Random, wire: bytes) -> bytes:
    """Bend the body and declare its new length, so that HTTP stays right and the parsers see it."""
    head, found, body = wire.partition(b"\r\n\r\n")
    if not found or b"Content-Length" not in head or not body:
        return wire
    for _ in range(chance.randrange(1, 4)):
        body = chance.choice([_flip, _cut, _insert, _repeat])(chance, body) or b"{"
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


def _made_up(chance: random.Random, _wire: bytes) -> bytes:
    """An event of right form whose values are any."""
    payload = {chance.choice(["a", "a.b", "$x", "", "_id"]): _value(chance, 0) for _ in range(chance.randrange(6))}
    event = {"sourceId": "fuzz", "timestamp": chance.choice([1, "2025-04-11T12:00:00.5+02:00"]), "payload": payload}
    return post(json.dumps(event if chance.random() < 0.7 else [event] * 3).encode())


def _value(chance: random.Random, depth: int) -> object:
    kind = chance.randrange(8 if depth < 34 else 6)
    if kind == 6:
        return [_value(chance, depth + 1) for _ in range(chance.randrange(3))]
    if kind == 7:
        return {chance.choice("abc"): _value(chance, depth + 1)}
    return [
        None,
        True,
        chance.getrandbits(70) - 2**69,
        chance.random() * 10.0 ** chance.randrange(-300, 300),
        "ü\0\ud800",
        "x",
    ][kind]


# Mostly bodies: HTTP itself is covered by the table of invalid input.
BENDS: list[Bend] = [_body, _body, _body, _body, _made_up, _flip, _cut, _insert, _repeat, _splice]


def bent(seed: int) -> Iterator[bytes]:
    """Yield requests without end, the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    while True:
        wire = chance.choice(RECEIVERS if chance.random() < 0.5 else SEEDS)
        for _ in range(chance.randrange(1, 4)):
            wire = chance.choice(BENDS)(chance, wire) or b"\r\n"
        yield wire[:LONGEST]
