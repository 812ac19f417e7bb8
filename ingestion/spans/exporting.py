"""Sends spans by OTLP, with OpenTelemetry's exporters, as its variables say."""

from __future__ import annotations

import logging
import os
import uuid
from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as OverGrpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as OverHttp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult

from ingestion.spans import encoding
from ingestion.spans.outbox import Bounds, Outbox
from ingestion.spans.sampling import InvalidTracing

PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTER = "OTEL_TRACES_EXPORTER"
QUEUE, TOGETHER, DELAY = "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_SCHEDULE_DELAY"

_MOST = 1_000_000  # of a variable


class _Http(OverHttp):
    """Sends messages that are made already, as its own are once they are made."""

    def send(self, request: ExportTraceServiceRequest) -> bool:
        return bool(self._client.export(request.SerializeToString()).success)


class _Grpc(OverGrpc):
    """The same."""

    def send(self, request: Any) -> bool:
        return self._export(request) is SpanExportResult.SUCCESS

    def _translate_data(self, data: Any) -> Any:
        return data

    def _count_data(self, data: Any) -> int:
        return len(data.resource_spans[0].scope_spans[0].spans)


def outbox(*, process: str, version: str) -> Outbox:
    """Return what sends the spans of this process, by the variables of OpenTelemetry.

    :raises InvalidTracing: one is not understood
    """
    # It says the same as the outbox, with each attempt.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    bounds = _bounds()
    exporter = _exporter()
    about = {"service.version": version, "service.instance.id": str(uuid.uuid4())}
    if not _variable("OTEL_SERVICE_NAME"):
        about["service.name"] = f"dataflow-{process}"
    resource = encoding.resource({name: str(value) for name, value in Resource.create(about).attributes.items()})
    return Outbox(lambda spans: exporter.send(encoding.request(spans, resource)), bounds)


def _bounds() -> Bounds:
    usual = Bounds()
    waiting = _number(QUEUE, usual.waiting)
    together = min(waiting, _number(TOGETHER, usual.together))
    return Bounds(waiting, together, _number(DELAY, round(usual.delay * 1_000)) / 1_000)


def _number(name: str, usual: int) -> int:
    text = _variable(name)
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MOST):
        raise InvalidTracing(f"{name} is {text!r}. Set it to a whole number from 1 to {_MOST}, for example {usual}.")
    return int(text)


def _exporter() -> _Http | _Grpc:
    kind = _variable(EXPORTER) or "otlp"
    if kind != "otlp":
        raise InvalidTracing(f"{EXPORTER} is {kind!r}. Set it to otlp, or DATAFLOW_TRACES to 0.")
    protocol = next(filter(None, map(_variable, PROTOCOLS)), "http/protobuf")
    if protocol not in {"http/protobuf", "grpc"}:
        raise InvalidTracing(f"{PROTOCOLS[1]} is {protocol!r}. Set it to http/protobuf or grpc.")
    return _Grpc() if protocol == "grpc" else _Http()


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()  # noqa: TID251 - OpenTelemetry's own variables
