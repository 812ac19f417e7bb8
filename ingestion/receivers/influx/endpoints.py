"""InfluxDB's write API, versions 1 to 3: writes of line protocol, and the probes of its clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from urllib.parse import parse_qsl

import msgspec

from ingestion import metrics
from ingestion.acceptance import request_log
from ingestion.acceptance.accept import Parse, acceptance
from ingestion.acceptance.caller import Caller
from ingestion.acceptance.options import Options
from ingestion.events import timestamps
from ingestion.events.batch import BatchLimits
from ingestion.events.steps import Steps
from ingestion.http import response
from ingestion.http.asgi import Endpoint, Request, only
from ingestion.http.bodies import media_types
from ingestion.http.bodies.gzip_reader import is_gzip
from ingestion.http.response import Response
from ingestion.kafka.group_commit import publisher
from ingestion.problems import CHALLENGE, SECRETS, Code, RequestRejected, too_large
from ingestion.receivers.influx import line_protocol, points, write_responses
from ingestion.receivers.influx.points import LineSettings, Text
from ingestion.receivers.influx.write_responses import V1, V2, V3, Version, WriteTotals
from ingestion.refusals import examples
from ingestion.refusals.attempt import Way
from ingestion.runtime.limits import receiver_limits

# Clients look for the version whose API they speak; the build names this product.
VERSION = "2.7.0"
ABOUT = [(b"x-influxdb-version", VERSION.encode()), (b"x-influxdb-build", b"data-flow-engine")]

CREDENTIALS = SECRETS | {"u"}
# Lines are read and published in pieces of what a request to /ingest may bring. So many of them: the body's limit is reached
# before by lines of 50 bytes or more, and a body of the shortest ones is answered while its client still waits.
MAX_PIECES = 100
PIECE_BYTES = 512 * 1024  # about; reading so much holds up the loop for some milliseconds


async def ping(request: Request) -> Response:
    """Answer InfluxDB's ping: with a body if a client wants a verbose one, as some libraries do to learn the version."""
    only(request, "GET", "HEAD", "POST")
    asked = dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)).get("verbose", "false")
    if asked.lower() in {"false", "0", ""}:
        return Response(204, list(ABOUT), b"")
    return response.answer(200, response.JSON, msgspec.json.encode({"version": VERSION}), ABOUT)


async def health(request: Request) -> Response:
    """Report whether Kafka answers, as /readyz does."""
    only(request, "GET", "HEAD")
    if await publisher().latency() is None:
        return _health(503, "fail", "Kafka does not answer")
    return _health(200, "pass", "ready for writes")


async def write(request: Request, version: Version) -> Response:
    """Accept lines; the answer follows Kafka's acknowledgement."""
    only(request, "POST")
    unit = unit_of(request.query, version)
    gzip = _is_gzip(request.head)
    attempt = request.attempt
    caller = await acceptance().admit(request.head, room=True)
    attempt.grant = caller.grant
    with caller.charging(receiver_limits().max_body_bytes):
        body = await request.body(key=caller.grant.key, gzip=gzip)
    attempt.body = body
    tally = await _take(body, caller, unit=unit)
    reply = write_responses.written(tally, version, headers=caller.headers())
    if tally.first:
        examples.note_rejected(tally.first, attempt, status=str(reply.status), name="line")
    return reply


def _shaped(endpoint: Endpoint, version: Version) -> Endpoint:
    """Reject in the form of InfluxDB."""

    async def shaped(request: Request) -> Response:
        request.attempt.way = Way.INFLUX
        try:
            return await endpoint(request)
        except RequestRejected as refusal:
            metrics.refused[refusal.code].inc()
            request_log.refused(refusal.code)
            reply = write_responses.refused(refusal, version)
            if not request.attempt.body:
                request.attempt.size = request.announced()
            examples.note_refused(refusal.code, refusal.detail, request.attempt, status=str(reply.status))
            return reply

    return shaped


ENDPOINTS: dict[str, Endpoint] = {
    "/write": _shaped(partial(write, version=V1), V1),
    "/api/v2/write": _shaped(partial(write, version=V2), V2),
    "/api/v3/write_lp": _shaped(partial(write, version=V3), V3),
    "/ping": _shaped(ping, V2),
    "/health": _shaped(health, V2),
}


# Those that take events.
WRITES = [endpoint for path, endpoint in ENDPOINTS.items() if "write" in path]


def _health(status: int, word: str, message: str) -> Response:
    body = {"name": "influxdb", "message": message, "status": word, "checks": [], "version": VERSION}
    return response.answer(status, response.JSON, msgspec.json.encode(body), ABOUT)


async def _take(body: bytes, caller: Caller, *, unit: int) -> WriteTotals:
    """Accept a body's lines piece by piece, which bounds memory and the time that the event loop is blocked."""
    limit = MAX_PIECES * receiver_limits().max_batch_events
    if body.count(b"\n") > limit:
        raise RequestRejected(Code.TOO_MANY_EVENTS, f"expected at most {limit:,} lines in one request")
    received = timestamps.now()
    tally = WriteTotals()
    # All lines are taken from the rate at once, since a later piece that is refused would be sent again with those before it.
    most = body.count(b"\n") + 1
    caller.check(acceptance().loop.time())
    caller.take(most)
    try:
        await _take_pieces(body, caller._replace(bucket=None), tally, unit=unit, received=received)
    finally:
        caller.take(-max(0, most - tally.accepted - tally.rejected))
    return tally


async def _take_pieces(body: bytes, caller: Caller, tally: WriteTotals, *, unit: int, received: int) -> None:
    for piece in _pieces(line_protocol.lines(body)):
        try:
            submission = await acceptance().accept(_parser(piece, unit), caller, Options(), received=received)
            await submission.finish()
        except RequestRejected as refusal:
            raise _midway(refusal, tally) from refusal
        tally.add(submission.parsed)
        await asyncio.sleep(0)  # others' turn


def _parser(piece: list[Text], unit: int) -> Parse:
    def parse(*, now: int, limits: BatchLimits) -> Steps:
        return points.read_steps(piece, LineSettings(unit, now, limits))

    return parse


def _pieces(texts: Iterable[Text]) -> Iterator[list[Text]]:
    piece: list[Text] = []
    size = 0
    for text in texts:
        piece.append(text)
        size += len(text[1])
        if len(piece) == receiver_limits().max_batch_events or size >= PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _midway(refusal: RequestRejected, tally: WriteTotals) -> RequestRejected:
    if not tally.accepted:
        return refusal
    detail = f"{tally.accepted} lines were accepted, the outcome of those after them is unknown. Send all of them again"
    return RequestRejected(refusal.code, detail, headers=refusal.headers)


def _is_gzip(head: Mapping[bytes, bytes]) -> bool:
    """Check the headers of a request; its content type is ignored."""
    if int(head.get(b"content-length", b"0")) > receiver_limits().max_body_bytes:
        raise RequestRejected(Code.BODY_TOO_LARGE, too_large(receiver_limits().max_body_bytes))
    encoding = head.get(b"content-encoding", b"")
    if len(encoding) > media_types.MAX_BYTES:
        detail = f"Content-Encoding: expected at most {media_types.MAX_BYTES} bytes"
        raise RequestRejected(Code.INVALID_HEADER, detail)
    return is_gzip(encoding)


@lru_cache(maxsize=256)  # a client repeats the same query string
def unit_of(query: bytes, version: Version) -> int:
    """Return the nanoseconds per unit of a timestamp, or AUTO, by the query string; other parameters are ignored.

    :raises RequestRejected: another precision, or a key
    """
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if any(name.lower() in CREDENTIALS for name, _ in given):
        detail = "a key in the address ends up in logs: send it as Authorization: Token, or as the password of Basic"
        raise RequestRejected(Code.UNAUTHENTICATED, detail, headers=[CHALLENGE])
    if version is V3 and dict(given).get("accept_partial", "").lower() == "false":
        # Its lines are accepted piece by piece, so a bad one can't undo those before it.
        raise RequestRejected(Code.INVALID_PARAMETER, "accept_partial: expected true")
    precisions = [value for name, value in given if name == "precision"] or [""]
    if len(precisions) > 1 or precisions[0] not in version.units:
        known = ", ".join(filter(None, version.units))
        raise RequestRejected(Code.INVALID_PARAMETER, f"precision: expected one of {known}, once")
    return version.units[precisions[0]]
