"""The ingest process: the door, its health and metrics, its start and its end."""

from __future__ import annotations

import gc

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingestion import answers, hosts, ingest, metrics, tracing
from ingestion.access import access
from ingestion.answers import JSON, Answer
from ingestion.guard import guard
from ingestion.heartbeat import heartbeat
from ingestion.http import AsgiScope, Door, Receive, Send, respond, serve
from ingestion.influx_door import endpoints
from ingestion.problems import Code
from ingestion.publisher import BrokerUnavailable, publisher
from ingestion.requests import Refused

# Every path that takes events, on both ports.
DOORS: dict[str, Door] = {answers.PATH: ingest.ingest, f"{answers.PATH}/validate": ingest.validate, **endpoints.DOORS}


async def application(scope: AsgiScope, receive: Receive, send: Send) -> None:
    """Serve the ingest process."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http" and (door := DOORS.get(scope["path"])):
        await serve(door, scope, receive, send)
    elif scope["type"] == "http":
        tracing.begin(dict(scope["headers"]))
        await respond(send, await _look(scope["method"], scope["path"]))
    else:
        await send({"type": "websocket.close"})


async def mounted(scope: AsgiScope, receive: Receive, send: Send) -> None:
    """Serve the door behind another server than ours, whose own limits are not in force there."""
    # Such a server tells of no start; a door that nobody has come to yet has nothing to say.
    heartbeat("web")
    try:
        hosts.check(scope["headers"])
    except Refused as refusal:
        metrics.refused(refusal.code)
        await respond(send, answers.problem(refusal.code, refusal.detail))
    else:
        await application(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    publisher()
    access()
    guard()
    heartbeat("ingest")
    # What lives from here to the end need not be looked at by every collection.
    gc.collect()
    gc.freeze()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await publisher().close()
    access().close()
    await heartbeat("ingest").close()
    guard().close()
    await send({"type": "lifespan.shutdown.complete"})


async def _look(method: str, path: str) -> Answer:
    if path not in {"/healthz", "/readyz", "/metrics"}:
        detail = f"there is nothing here; events go to POST {answers.PATH}"
        return answers.problem(Code.NOT_FOUND, detail, instance=path)
    if method not in {"GET", "HEAD"}:
        detail = "expected GET or HEAD"
        return answers.problem(Code.METHOD_NOT_ALLOWED, detail, instance=path, headers=[(b"allow", b"GET, HEAD")])
    if path == "/metrics":
        return answers.answer(200, CONTENT_TYPE_LATEST.encode(), generate_latest())
    if path == "/healthz":
        return answers.answer(200, JSON, b'{"status":"alive"}')
    return await _readiness()


async def _readiness() -> Answer:
    """Judge Kafka alone: the door needs nothing else. That the guard has closed it is its answer, not a reason to go."""
    try:
        latency = await publisher().latency()
    except BrokerUnavailable:
        return _state(503, "unavailable", {"state": "down", "latencyMs": None})
    return _state(200, "ready", {"state": "up", "latencyMs": round(latency * 1000, 2)})


def _state(status: int, word: str, kafka: dict[str, object]) -> Answer:
    body = {"status": word, "dependencies": {"kafka": kafka}, "guard": guard().state._asdict()}
    return answers.answer(status, JSON, msgspec.json.encode(body))
