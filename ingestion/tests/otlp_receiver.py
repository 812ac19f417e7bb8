"""Real receivers of OTLP: over HTTP with protobuf, and over gRPC by OpenTelemetry's own generated service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from deploy.local import ports


class Received(NamedTuple):
    """A span as it was received, and which service sent it."""

    service: str
    span: Span

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def attributes(self) -> dict[str, Any]:
        return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in self.span.attributes}

    @property
    def context(self) -> tuple[bytes, bytes]:
        return self.span.trace_id, self.span.span_id

    @property
    def parent(self) -> tuple[bytes, bytes]:
        return self.span.trace_id, self.span.parent_span_id

    @property
    def links(self) -> set[tuple[bytes, bytes]]:
        return {(link.trace_id, link.span_id) for link in self.span.links}


class OtlpReceiver:
    """What was received so far."""

    def __init__(self) -> None:
        self.address = ""
        self.spans: list[Received] = []
        self.answers = threading.Event()  # unset: requests wait, as with a receiver that is frozen
        self.answers.set()
        self.status = 200

    def take(self, request: ExportTraceServiceRequest) -> None:
        for of_resource in request.resource_spans:
            about = {each.key: each.value.string_value for each in of_resource.resource.attributes}
            for of_scope in of_resource.scope_spans:
                self.spans += [Received(about["service.name"], span) for span in of_scope.spans]

    def named(self, name: str) -> list[Received]:
        return [each for each in self.spans if each.name == name]


@contextmanager
def over_http() -> Iterator[OtlpReceiver]:
    found = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.answers.wait()
            if found.status == 200:
                found.take(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(found.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((ports.HOST, 0), Handler)
    server.daemon_threads = True
    found.address = f"http://{ports.HOST}:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        found.answers.set()
        server.shutdown()
        server.server_close()


@contextmanager
def over_grpc() -> Iterator[OtlpReceiver]:
    found = OtlpReceiver()

    class Service(TraceServiceServicer):
        def Export(self, request: ExportTraceServiceRequest, context: object) -> ExportTraceServiceResponse:  # noqa: N802
            found.take(request)
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(1))
    add_TraceServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]
    found.address = f"http://{ports.HOST}:{server.add_insecure_port(f'{ports.HOST}:0')}"
    server.start()
    try:
        yield found
    finally:
        server.stop(None)
