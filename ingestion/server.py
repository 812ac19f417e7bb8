"""The ASGI application of the ingest process: routes, probes, metrics, start and stop."""

from __future__ import annotations

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingestion import lifecycle, metrics
from ingestion.acceptance.backpressure import backpressure
from ingestion.acceptance.heartbeat import heartbeat
from ingestion.kafka.group_commit import publisher
from ingestion.problems import Code
from ingestion.receivers.http import endpoints as ingest
from ingestion.receivers.http import host_check, responses
from ingestion.receivers.http.asgi import AsgiScope, Endpoint, Receive, Send, respond, serve
from ingestion.receivers.http.request_head import RequestRejected
from ingestion.receivers.http.responses import JSON, Answer
from ingestion.receivers.influx import endpoints
from ingestion.runtime import request_context

# Every path that takes events, in the ingest process and in the web process.
DOORS: dict[str, Endpoint] = {
    responses.PATH: ingest.ingest,
    f"{responses.PATH}/validate": ingest.validate,
    **endpoints.DOORS,
}


async def application(scope: AsgiScope, receive: Receive, send: Send) -> None:
    """Serve the ingest process."""
    if scope["type"] == "lifespan":
        await _run_lifespan(receive, send)
    elif scope["type"] == "http" and (door := DOORS.get(scope["path"])):
        await serve(door, scope, receive, send)
    elif scope["type"] == "http":
        request_context.begin(dict(scope["headers"]))
        await respond(send, await _probe(scope["method"], scope["path"]))
    else:
        await send({"type": "websocket.close"})


async def mounted(scope: AsgiScope, receive: Receive, send: Send) -> None:
    """Serve the receivers in the web process, whose server does not enforce the limits of ours."""
    # Daphne sends no lifespan event, so the heartbeat starts at the first request.
    heartbeat("web")
    try:
        host_check.check(scope["headers"])
    except RequestRejected as refusal:
        metrics.refused(refusal.code)
        await respond(send, responses.problem(refusal.code, refusal.detail))
    else:
        await application(scope, receive, send)


async def _run_lifespan(receive: Receive, send: Send) -> None:
    await receive()
    lifecycle.start("ingest")
    lifecycle.freeze_garbage_collector()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await lifecycle.stop("ingest")
    await send({"type": "lifespan.shutdown.complete"})


async def _probe(method: str, path: str) -> Answer:
    if path not in {"/healthz", "/readyz", "/metrics"}:
        detail = f"there is nothing here; events go to POST {responses.PATH}"
        return responses.problem(Code.NOT_FOUND, detail, instance=path)
    if method not in {"GET", "HEAD"}:
        detail = "expected GET or HEAD"
        return responses.problem(Code.METHOD_NOT_ALLOWED, detail, instance=path, headers=[(b"allow", b"GET, HEAD")])
    if path == "/metrics":
        return responses.answer(200, CONTENT_TYPE_LATEST.encode(), generate_latest())
    if path == "/healthz":
        return responses.answer(200, JSON, b'{"status":"alive"}')
    return await _check_readiness()


async def _check_readiness() -> Answer:
    """Report Kafka alone: receivers need nothing else, and one that the guard has closed is still ready to answer."""
    latency = await publisher().latency()
    if latency is None:
        return _readiness_answer(503, "unavailable", {"state": "down", "latencyMs": None})
    return _readiness_answer(200, "ready", {"state": "up", "latencyMs": round(latency * 1000, 2)})


def _readiness_answer(status: int, word: str, kafka: dict[str, object]) -> Answer:
    body = {"status": word, "dependencies": {"kafka": kafka}, "guard": backpressure().state._asdict()}
    return responses.answer(status, JSON, msgspec.json.encode(body))
