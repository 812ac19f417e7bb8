"""DATAFLOW_TRACES=1: a real receiver of OTLP gets the spans of an event from the receiver to the stores, linked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from dataflow_site.environment.env import BASE_DIR
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.tests import otlp_receiver
from ingestion.tests.client import JSON, call, event, numbered
from ingestion.tests.otlp_receiver import OtlpReceiver, Received
from processing.models import Event

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5  # kinds of spans in OTLP
TOO_FEW = 50  # spans that wait


def traced(receiver: OtlpReceiver, **more: str) -> dict[str, str]:
    """Return the settings of a process that sends its spans there."""
    return {
        "DATAFLOW_TRACES": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        **more,
    }


def send(process: ProductProcess, content: object, *, flags: str, span: str = SPAN_ID) -> None:
    head = {**JSON, "traceparent": f"00-{TRACE_ID}-{span}-{flags}", "X-Request-ID": "order-66"}
    assert call(process.url, "POST", "/ingest", json.dumps(content).encode(), head).status == 202


def metric(process: ProductProcess, name: str) -> float:
    lines = call(process.url, "GET", "/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def has_dropped(process: ProductProcess, count: int) -> bool:
    return metric(process, 'ingestion_spans_dropped_total{reason="receiver"}') >= count


@pytest.mark.services
def test_the_spans_of_an_event_lead_from_its_request_to_both_stores(site: Deployment) -> None:
    with otlp_receiver.over_http() as receiver:
        ingest, consumer = site.start_ingest(traced(receiver)), site.start_consumer(traced(receiver))
        send(ingest, [event("traced", payload={"n": n}) for n in range(3)], flags="01")
        send(ingest, event("untraced"), flags="00", span="1" * 16)
        call(ingest.url, "POST", "/ingest", json.dumps(event("alone")).encode(), JSON)
        site.wait_for(lambda: Event.objects.count() == 5)
        site.wait_for(lambda: receiver.named(f"process {site.raw_topic}"))
        site.stop_processes()

    [request] = receiver.named("receive events")
    assert request.service == "dataflow-ingest"
    assert request.parent == (bytes.fromhex(TRACE_ID), bytes.fromhex(SPAN_ID))
    assert request.span.kind == SERVER
    assert request.attributes == {"messaging.batch.message_count": 3, "dataflow.request_id": "order-66"}

    [flush] = receiver.named(f"send {site.raw_topic}")
    assert (flush.parent, flush.span.kind) == (request.context, PRODUCER)
    assert flush.attributes["messaging.operation.type"] == "send"

    [batch] = receiver.named(f"process {site.raw_topic}")
    assert (batch.service, batch.span.kind) == ("dataflow-consumer", CONSUMER)
    assert batch.links == {request.context}
    assert batch.span.parent_span_id == b""
    assert batch.attributes["messaging.consumer.group.name"] == site.name

    of_batch = {each.name: each for each in receiver.spans if each.parent == batch.context}
    assert {"decode", "insert events", "copy events", "add up", f"send {site.processed_topic}"} <= set(of_batch)
    assert of_batch["insert events"].attributes["db.system.name"] == "mongodb"
    assert of_batch["copy events"].attributes["db.system.name"] == "postgresql"
    assert {request.span.status.code, flush.span.status.code, batch.span.status.code} == {0}
    assert all(is_within(each, batch) for each in of_batch.values())
    assert request.span.start_time_unix_nano < flush.span.start_time_unix_nano < flush.span.end_time_unix_nano
    assert "not taken" not in ingest.log + consumer.log


@pytest.mark.services
def test_a_job_has_a_span_of_its_own(site: Deployment) -> None:
    with otlp_receiver.over_http() as receiver:
        site.start_jobs(traced(receiver, OTEL_TRACES_SAMPLER="always_on"))
        site.wait_for(lambda: receiver.named("job pack"))

    [job] = receiver.named("job pack")
    assert (job.service, job.attributes["dataflow.job.state"]) == ("dataflow-jobs", "done")


def is_within(part: Received, whole: Received) -> bool:
    return (
        whole.span.start_time_unix_nano
        <= part.span.start_time_unix_nano
        <= part.span.end_time_unix_nano
        <= whole.span.end_time_unix_nano
    )


@pytest.mark.services
def test_a_frozen_receiver_of_spans_costs_spans_and_no_event(site: Deployment) -> None:
    with otlp_receiver.over_http() as receiver:
        few = {"OTEL_BSP_MAX_QUEUE_SIZE": str(TOO_FEW), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"}
        ingest = site.start_ingest(traced(receiver, DATAFLOW_TRACES_PER_SECOND="0", **few))
        consumer = site.start_consumer(traced(receiver))
        receiver.answers.clear()
        for one in numbered(3 * TOO_FEW):
            send(ingest, one, flags="01")
        site.wait_for(lambda: Event.objects.count() == 3 * TOO_FEW)
        dropped = metric(ingest, 'ingestion_spans_dropped_total{reason="queue"}')

        began = time.monotonic()
        for process in (ingest, consumer):
            process.ask_to_stop()
        site.stop_processes()

    assert dropped > TOO_FEW
    assert time.monotonic() - began < 10
    assert ingest.log.count("\n") < 5


@pytest.mark.services
def test_a_receiver_of_spans_that_is_down_is_said_once_and_no_event_waits(site: Deployment) -> None:
    with otlp_receiver.over_http() as receiver:
        receiver.status = 403
        ingest = site.start_ingest(traced(receiver))
        for count in range(1, 4):
            send(ingest, event(), flags="01")
            site.wait_for(partial(has_dropped, ingest, 2 * count))
        receiver.status = 200
        send(ingest, event(), flags="01")
        site.wait_for(lambda: metric(ingest, "ingestion_spans_sent_total") >= 2)

    assert ingest.log.count("spans are not taken") == 1
    assert ingest.log.count("spans are taken again") == 1


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {"DATAFLOW_ENV_FILE": os.devnull, "DATAFLOW_TRACES": "1"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=BASE_DIR,
        env={**os.environ, **clean, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "command", [("manage.py", "consume"), ("-m", "uvicorn", "ingestion.asgi:application")], ids=["manage.py", "uvicorn"]
)
def test_without_its_packages_a_process_that_is_to_make_spans_says_so_and_ends(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").touch()

    done = run(*command, PYTHONPATH=str(tmp_path))

    assert done.returncode == 2
    assert "pip install -r requirements-otel.txt" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "smtp"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
    ],
)
def test_a_variable_of_opentelemetry_that_is_not_understood_is_named(name: str, value: str) -> None:
    done = run("manage.py", "consume", **{name: value})

    assert done.returncode == 2
    assert done.stderr.startswith(f"A setting is wrong: {name} is '{value}'.")
    assert done.stderr.count("\n") == 1


def test_without_the_setting_nothing_that_makes_spans_is_loaded() -> None:
    script = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'dataflow_site.settings'; django.setup();"
        "import ingestion.server, processing.consumer.loop;"
        # The client of Redis loads a part of it, if it is there.
        "print([name for name in sys.modules if name.startswith(('opentelemetry.exporter', 'opentelemetry.sdk.trace'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=BASE_DIR, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
