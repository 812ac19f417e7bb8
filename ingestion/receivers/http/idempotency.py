"""Idempotency-Key: a repeated request gets the response of the first one.

Stored in Redis, best effort: without Redis the header is ignored, and the ids of events make a retry harmless.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from hashlib import blake2b

import msgspec

from ingestion import metrics
from ingestion.http import response
from ingestion.http.response import Response
from ingestion.problems import RETRY_AFTER, Code, RequestRejected
from ingestion.runtime.redis_client import RedisUnavailable, link

KEPT_SECONDS = 24 * 3600
RUNNING_SECONDS = 60  # the mark of a request whose process died expires
REPLAYED = (b"idempotency-replayed", b"true")

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")


class _Kept(msgspec.Struct):
    """The value of one key in Redis; `status` is 0 while the first request is still running."""

    request: bytes
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
    """
    name = b"dataflow:idempotency:" + blake2b(owner.encode() + b"\0" + key, digest_size=16).digest()
    fingerprint = blake2b(request, digest_size=16).digest()
    try:
        mark = _encode(_Kept(fingerprint))
        if not await link().call("SET", name, mark, "NX", "EX", RUNNING_SECONDS):
            return _again(await link().call("GET", name), fingerprint)
    except RedisUnavailable:
        return await run()
    reply: Response | None = None
    try:
        reply = await run()
    finally:
        await _settle(name, fingerprint, reply)
    return reply


def _again(found: bytes | None, fingerprint: bytes) -> Response:
    kept = _decode(found) if found else _Kept(fingerprint)
    if kept.request != fingerprint:
        detail = "this Idempotency-Key came with another request before; choose a new one for each request"
        metrics.refused[Code.IDEMPOTENCY_KEY_REUSED].inc()
        return response.problem(Code.IDEMPOTENCY_KEY_REUSED, detail)
    if not kept.status:
        retry = [(b"retry-after", RETRY_AFTER)]
        detail = "the first request with this Idempotency-Key is still running"
        metrics.refused[Code.IDEMPOTENCY_KEY_IN_USE].inc()
        return response.problem(Code.IDEMPOTENCY_KEY_IN_USE, detail, headers=retry)
    return response.answer(kept.status, kept.content_type, kept.body, [REPLAYED])


async def _settle(name: bytes, fingerprint: bytes, reply: Response | None) -> None:
    """Store a final response; delete the mark of a request that the client should retry."""
    try:
        if reply is None or reply.status in {408, 429} or reply.status >= 500:
            await link().call("DEL", name)
        else:
            kept = _Kept(fingerprint, reply.status, dict(reply.headers)[b"content-type"], reply.body)
            await link().call("SET", name, _encode(kept), "EX", KEPT_SECONDS)
    except RedisUnavailable:
        pass
