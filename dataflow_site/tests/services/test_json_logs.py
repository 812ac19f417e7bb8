"""DATAFLOW_LOG_FORMAT=json: every process writes nothing but JSON lines, in good times and in bad."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from deploy.local import processes
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.tests.client import JSON, call, event
from processing.models import DeadLetter, Event
from processing.tests import factories

pytestmark = pytest.mark.services

JSON_LINES = {"DATAFLOW_LOG_FORMAT": "json", "DATAFLOW_LOG_LEVEL": "DEBUG", "DATAFLOW_LOG_REQUESTS": "1"}
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
EVERY_LINE = {"timestamp", "level", "logger", "message", "process", "pid"}
SPECS = (processes.INGEST, processes.GRPC, processes.CONSUMER, processes.JOBS, processes.WEB)


def lines(process: ProductProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.log.splitlines()]


def test_every_process_writes_nothing_but_json_lines(site: Deployment) -> None:
    started = [site.launch(spec, JSON_LINES) for spec in SPECS]
    for process, spec in zip(started, SPECS, strict=True):
        process.await_ready(partial(spec.is_ready, process.port), seconds=60, name=spec.name)
    receiver, _, _, _, web = started
    head = {**JSON, "X-Request-ID": "order-66", "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
    call(receiver.url, "POST", "/ingest", json.dumps(event()).encode(), head)
    call(receiver.url, "POST", "/ingest", b"{", {**JSON, "X-Request-ID": "order-67"})
    factories.put_all(site.raw_topic, [b"garbage\r\n\xe2\x80\xa8{"], partition=1)
    call(web.url, "GET", "/", headers={"Host": "evil\x85.example"})
    site.wait_for(lambda: DeadLetter.objects.exists() and Event.objects.exists())

    site.stop_processes()

    written = {process.name: lines(process) for process in started}
    for name, of_process in written.items():
        assert all(line.keys() >= EVERY_LINE for line in of_process)
        assert {line["process"] for line in of_process} <= {name}
    of_requests = {
        (line["message"], line.get("request_id"), line.get("trace_id"), line.get("code")) for line in written["ingest"]
    }
    assert ("events accepted", "order-66", TRACE_ID, None) in of_requests
    assert ("request refused", "order-67", None, "not_json") in of_requests
    [batch] = [line for line in written["consumer"] if line["message"] == "batch stored" and line["request_ids"]]
    assert (batch["request_ids"], batch["trace_ids"]) == (["order-66"], [TRACE_ID])
