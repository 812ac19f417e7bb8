"""The ingest process: the door, its health and metrics, its start and its end."""

from __future__ import annotations

import gc
import logging

import msgspec
from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingestion import answers
from ingestion.answers import JSON, Answer
from ingestion.http import Receive, Scope, Send, ingest, publisher, respond
from ingestion.problems import Code
from ingestion.publisher import BrokerUnavailable

logger = logging.getLogger(__name__)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the ingest process."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http" and scope["path"] == answers.PATH:
        await ingest(scope, receive, send)
    elif scope["type"] == "http":
        await respond(send, await _look(scope["method"], scope["path"]))
    else:
        await send({"type": "websocket.close"})


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    if not settings.DEBUG:
        logger.warning("the door asks nobody for a key: keep it inside a network that you trust")
    publisher()
    # What lives from here to the end need not be looked at by every collection.
    gc.collect()
    gc.freeze()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await publisher().close()
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
    """Judge Kafka alone: the door needs nothing else."""
    try:
        latency = await publisher().latency()
    except BrokerUnavailable:
        return _state(503, "unavailable", {"state": "down", "latencyMs": None})
    return _state(200, "ready", {"state": "up", "latencyMs": round(latency * 1000, 2)})


def _state(status: int, word: str, kafka: dict[str, object]) -> Answer:
    return answers.answer(status, JSON, msgspec.json.encode({"status": word, "dependencies": {"kafka": kafka}}))
