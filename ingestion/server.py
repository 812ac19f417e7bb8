"""The ASGI application of the ingest process: routes, probes, metrics, start and stop."""

from __future__ import annotations

import msgspec

from ingestion import lifecycle, metrics
from ingestion.acceptance import readiness
from ingestion.acceptance.heartbeat import heartbeat
from ingestion.http import host_check, response
from ingestion.http.asgi import AsgiScope, Endpoint, Receive, Send, respond, serve
from ingestion.http.response import JSON, Response
from ingestion.kafka.group_commit import publisher
from ingestion.probes import exposition
from ingestion.problems import Code, RequestRejected
from ingestion.receivers.http.endpoints import ingest, validate
from ingestion.receivers.influx.endpoints import ENDPOINTS as INFLUX_ENDPOINTS
from ingestion.receivers.influx.endpoints import WRITES
from ingestion.refusals.attempt import Attempt, Way
from ingestion.refusals.examples import examples, note_refused
from ingestion.runtime import internal_access, request_context

# Every path that takes events, in the ingest process and in the web process.
ENDPOINTS: dict[str, Endpoint] = {
    response.PATH: ingest,
    f"{response.PATH}/validate": validate,
    **INFLUX_ENDPOINTS,
}


def endpoint_at(path: str) -> Endpoint | None:
    """Return the endpoint at a path; with a slash at its end it is the same one."""
    return ENDPOINTS.get(path) or ENDPOINTS.get(path.removesuffix("/"))


def _door(endpoint: Endpoint) -> str:
    """Return what requests to an endpoint are timed under, empty for one that takes no events."""
    if endpoint is ingest:
        return "http"
    return "influx" if endpoint in WRITES else ""


async def application(scope: AsgiScope, receive: Receive, send: Send) -> None:
    """Serve the ingest process."""
    if scope["type"] == "lifespan":
        await _run_lifespan(receive, send)
    elif scope["type"] == "http" and (endpoint := endpoint_at(scope["path"])):
        await serve(endpoint, scope, receive, send, door=_door(endpoint))
    elif scope["type"] == "http":
        request_context.begin(dict(scope["headers"]))
        await respond(send, await _probe(scope))
    else:
        await send({"type": "websocket.close"})


async def mounted(scope: AsgiScope, receive: Receive, send: Send) -> None:
    """Serve the receivers in the web process."""
    # At the first request: a site that does not use these receivers needs no connection to Kafka for them.
    heartbeat("web")
    examples()
    try:
        # `manage.py runserver` serves them with Daphne, which does not check this.
        host_check.check(scope["headers"])
    except RequestRejected as refusal:
        metrics.refused[refusal.code].inc()
        note_refused(refusal.code, refusal.detail, Attempt(Way.HTTP, scope["path"]))
        await respond(send, response.problem(refusal.code, refusal.detail))
    else:
        await application(scope, receive, send)


async def mounted_lifespan(_scope: AsgiScope, receive: Receive, send: Send) -> None:
    """Begin a web process, and stop its receivers with it if they were used."""
    await receive()
    lifecycle.freeze_garbage_collector()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if heartbeat.exists():
        await lifecycle.stop("web")
    await send({"type": "lifespan.shutdown.complete"})


async def _run_lifespan(receive: Receive, send: Send) -> None:
    await receive()
    lifecycle.start("ingest")
    lifecycle.freeze_garbage_collector()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await lifecycle.stop("ingest")
    await send({"type": "lifespan.shutdown.complete"})


async def _probe(scope: AsgiScope) -> Response:
    method, path = scope["method"], scope["path"]
    if path not in {"/healthz", "/readyz", "/metrics"}:
        detail = f"there is nothing here; events go to POST {response.PATH}"
        return response.problem(Code.NOT_FOUND, detail, instance=path)
    if method not in {"GET", "HEAD"}:
        detail = "expected GET or HEAD"
        return response.problem(Code.METHOD_NOT_ALLOWED, detail, instance=path, headers=[(b"allow", b"GET, HEAD")])
    if path == "/metrics" and not _is_internal(scope):
        return response.problem(Code.FORBIDDEN, "this is for internal addresses, or needs a key", instance=path)
    if path == "/metrics":
        content_type, text = exposition.expose(dict(scope["headers"]).get(b"accept", b""))
        return response.answer(200, content_type.encode(), text)
    if path == "/healthz":
        return response.answer(200, JSON, b'{"status":"alive"}')
    return await _check_readiness(is_internal=_is_internal(scope))


def _is_internal(scope: AsgiScope) -> bool:
    return internal_access.is_internal(scope["client"][0] if scope.get("client") else "", dict(scope["headers"]))


async def _check_readiness(*, is_internal: bool) -> Response:
    """Report what the process needs: why Kafka refuses records is for everybody, the rest for internal addresses."""
    report = await readiness.ask()
    body = report if is_internal or publisher().refusal is not None else {"status": report["status"]}
    return response.answer(200 if report["status"] == "ready" else 503, JSON, msgspec.json.encode(body))
