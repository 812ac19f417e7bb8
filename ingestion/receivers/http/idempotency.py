"""Idempotency-Key: a repeated request gets the response of the first one.

Stored in Redis, best effort: without Redis the header is ignored, and the ids of events make a retry harmless. An answer is
signed, so nobody who writes to Redis can answer in our name. What is kept for one API key is bounded, so that it can't push
out what is kept for others.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b

import msgspec

from ingestion.http import response
from ingestion.http.response import Response
from ingestion.problems import RETRY, Code, RequestRejected
from ingestion.runtime import signed_values
from ingestion.runtime.limits import receiver_limits
from ingestion.runtime.redis_client import RedisUnavailable, link

KEPT_SECONDS = 24 * 3600
RUNNING_SECONDS = 60  # the mark of a request whose process died expires
MAX_BODY = 64 * 1024  # bytes of an answer that is kept: 1,000 ids of accepted events are 40 kB
REPLAYED = (b"idempotency-replayed", b"true")
NOT_KEPT = (b"idempotency-kept", b"false")

_PREFIX = b"dataflow:idempotency:"
# A list for each API key: the digests of its kept answers, the oldest first, one entry for each UNIT of an answer.
_INDEX = b"dataflow:idempotency-index:"
_DIGEST = 16  # bytes
# What one entry of Redis takes beside its value is about 250 bytes: an answer to one event takes one unit.
_OVERHEAD = 250
UNIT = 512  # bytes

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")


class _Kept(msgspec.Struct):
    """The value of one key in Redis, signed; `status` is 0 while the first request is still running."""

    request: bytes
    until: float  # seconds since the epoch; a later copy of an old value is not used
    status: int = 0
    content_type: bytes = b""
    body: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


def check(key: bytes) -> None:
    """Validate the header.

    :raises RequestRejected: empty, too long, or not plain ASCII
    """
    if not _KEY.fullmatch(key):
        raise RequestRejected(Code.INVALID_HEADER, "Idempotency-Key: expected 1 to 255 visible ASCII characters")


async def once(key: bytes, *, owner: str, request: bytes, run: Callable[[], Awaitable[Response]]) -> Response:
    """Run the request, or return the response of the first one with this key.

    :param owner: the client that sent the key; two clients may choose the same key
    :param request: everything that distinguishes the request from others
    :raises RequestRejected: the first one is still running, or was another request
    """
    digest = _hash(owner.encode() + b"\0" + key)
    name = _PREFIX + digest
    fingerprint = _hash(request)
    try:
        mark = _value(name, _Kept(fingerprint, time.time() + RUNNING_SECONDS))
        if not await link().call("SET", name, mark, "NX", "EX", RUNNING_SECONDS):
            kept = _read(name, await link().call("GET", name))
            if kept is not None:
                return _again(kept, fingerprint)
            # It has expired meanwhile, or is none of ours.
            await link().call("SET", name, mark, "EX", RUNNING_SECONDS)
    except RedisUnavailable:
        return await run()
    reply: Response | None = None
    try:
        reply = await run()
    finally:
        await _settle(digest, owner, fingerprint, reply)
    return reply


def _again(kept: _Kept, fingerprint: bytes) -> Response:
    """Return the response of the first request.

    :raises RequestRejected: it is still running, or was another request
    """
    if kept.request != fingerprint:
        detail = "this Idempotency-Key came with another request before; choose a new one for each request"
        raise RequestRejected(Code.IDEMPOTENCY_KEY_REUSED, detail)
    if not kept.status:
        detail = "the first request with this Idempotency-Key is still running"
        raise RequestRejected(Code.IDEMPOTENCY_KEY_IN_USE, detail, headers=[RETRY])
    return response.answer(kept.status, kept.content_type, kept.body, [REPLAYED])


async def _settle(digest: bytes, owner: str, fingerprint: bytes, reply: Response | None) -> None:
    """Store a final response; delete the mark of a request that the client should or may retry."""
    name = _PREFIX + digest
    try:
        if reply is None or reply.status in {408, 429} or reply.status >= 500:
            await link().call("DEL", name)
        elif len(reply.body) > MAX_BODY:
            # Sending it again has no other effect than the first time, by the events' ids.
            reply.headers.append(NOT_KEPT)
            await link().call("DEL", name)
        else:
            kept = _Kept(
                fingerprint,
                time.time() + KEPT_SECONDS,
                reply.status,
                dict(reply.headers)[b"content-type"],
                reply.body,
            )
            await _keep(digest, owner, _value(name, kept))
    except RedisUnavailable:
        pass


async def _keep(digest: bytes, owner: str, value: bytes) -> None:
    """Store a value; what is then too much for its owner goes, the oldest first."""
    index = _INDEX + _hash(owner.encode())
    units = -(-(len(value) + _OVERHEAD) // UNIT)
    _, length, _ = await link().call_all(
        ("SET", _PREFIX + digest, value, "EX", KEPT_SECONDS),
        ("RPUSH", index, *[digest] * units),
        ("EXPIRE", index, KEPT_SECONDS),
    )
    excess = length - receiver_limits().idempotency_bytes_per_key // UNIT
    if excess > 0:
        oldest = await link().call("LPOP", index, excess)
        await link().call("UNLINK", *{_PREFIX + each for each in oldest or (digest,)})


def _value(name: bytes, kept: _Kept) -> bytes:
    return signed_values.sign(name, _encode(kept))


def _read(name: bytes, value: object) -> _Kept | None:
    """Parse a value; None if it is none of ours, or outdated."""
    body = signed_values.verify(name, value)
    try:
        kept = None if body is None else _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Of another release.
        return None
    return kept if kept is not None and time.time() < kept.until else None


def _hash(text: bytes) -> bytes:
    return blake2b(text, digest_size=_DIGEST).digest()
