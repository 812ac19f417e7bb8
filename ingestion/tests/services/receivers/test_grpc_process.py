from __future__ import annotations

import queue
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from deploy.local import ports, processes
from deploy.local.process import Process
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.auth import api_keys
from ingestion.models import Source
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc import health_probe
from ingestion.receivers.grpc.server import MIN_PING_INTERVAL, SERVICE
from ingestion.receivers.grpc.stream import MAX_UNANSWERED
from ingestion.tests.client import call
from ingestion.tests.grpc_client import Client, Refusal, ended, event, numbered, read, refusal
from ingestion.tests.topic import events, ids

pytestmark = pytest.mark.services

KEYED = {"DATAFLOW_OPEN_INGEST": "0"}


@contextmanager
def opened(site: Deployment, env: Mapping[str, str] | None = None) -> Iterator[tuple[ProductProcess, Client]]:
    """A gRPC process that has found Kafka, and a channel to it."""
    process = site.start_grpc(env)
    client = Client(process.port)
    with client.channel:
        yield process, client


@contextmanager
def frozen_kafka(site: Deployment) -> Iterator[None]:
    site.servers.kafka.freeze()
    try:
        yield
    finally:
        site.servers.kafka.thaw()


def outcome(client: Client, sent: ingestion_pb2.Event | None = None, **how: Any) -> str:
    """OK, or the code of the refusal."""
    try:
        client.ingest(sent or event(), **how)
    except grpc.RpcError as error:
        return refusal(error).code
    return "OK"


def refused(client: Client, sent: ingestion_pb2.Event | None = None, **how: Any) -> Refusal:
    with pytest.raises(grpc.RpcError) as caught:
        client.ingest(sent or event(), **how)
    return refusal(caught.value)


def bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}")]


def test_a_key_in_the_metadata_opens_the_receiver_and_no_wrong_one_does(site: Deployment) -> None:
    revoked, revoked_token = api_keys.create("revoked", ["ingest"])
    api_keys.revoke(revoked)
    _, token = api_keys.create("meter", ["ingest"])
    _, reader = api_keys.create("reader", ["read"])

    with opened(site, KEYED) as (_, client):
        assert outcome(client, metadata=bearer(token)) == outcome(client, metadata=[("x-api-key", token)]) == "OK"
        wrong = [refused(client, metadata=bearer(one)) for one in ("", "x", f"dfe_{'0' * 8}_{'0' * 40}", revoked_token)]
        assert {(one.name, one.code) for one in [refused(client), *wrong]} == {("UNAUTHENTICATED", "unauthenticated")}
        forbidden = refused(client, metadata=bearer(reader))
        assert (forbidden.name, forbidden.code) == ("PERMISSION_DENIED", "forbidden")
        with pytest.raises(grpc.RpcError) as caught:
            client.batch([event()], metadata=bearer("x"))
        assert refusal(caught.value).name == "UNAUTHENTICATED"
        with pytest.raises(grpc.RpcError) as caught:
            list(client.stream(iter([[event()]])))
        assert refusal(caught.value).name == "UNAUTHENTICATED"
    assert len(events(site.raw_topic)) == 2


def test_a_source_that_may_not_send_is_refused_by_name(site: Deployment) -> None:
    _, bound = api_keys.create("bound", ["ingest"], sources=["mine", "broken"])
    Source.objects.create(source_id="broken", enabled=False)
    metadata = bearer(bound)

    with opened(site, KEYED) as (_, client):
        foreign = refused(client, event("theirs"), metadata=metadata)
        assert (foreign.name, foreign.code, foreign.places) == (
            "PERMISSION_DENIED",
            "source_not_allowed",
            ["/event/sourceId"],
        )
        site.wait_for(lambda: outcome(client, event("broken"), metadata=metadata) == "source_disabled", 3)
        mixed = client.batch([event("mine"), event("theirs")], metadata=metadata)
        assert (mixed.accepted, [result.code for result in mixed.results]) == (1, ["source_not_allowed"])
        with pytest.raises(grpc.RpcError) as caught:
            client.batch([event("theirs")], metadata=metadata)
        assert (refusal(caught.value).name, refusal(caught.value).code) == ("PERMISSION_DENIED", "source_not_allowed")


def test_a_key_past_its_rate_is_told_when_to_come_again(site: Deployment) -> None:
    _, token = api_keys.create("slow", ["ingest"], rate="3:60")
    metadata = bearer(token)

    with opened(site, KEYED) as (_, client):
        client.batch(numbered(3, "slow"), metadata=metadata)
        late = refused(client, metadata=metadata)
        [streamed] = client.stream(iter([[event("slow")]]), metadata=metadata)

    assert (late.name, late.code) == ("RESOURCE_EXHAUSTED", "rate_limited")
    assert late.retry is not None
    assert 15 <= late.retry <= 20
    assert late.trailers["retry-after"] == str(int(late.retry))
    assert late.trailers["ratelimit-limit"] == "3"
    assert read(streamed.refused).code == "rate_limited"
    assert len(events(site.raw_topic)) == 3


def test_a_key_that_is_revoked_ends_a_stream_that_is_open(site: Deployment) -> None:
    key, token = api_keys.create("meter", ["ingest"])
    sent: queue.Queue[list[ingestion_pb2.Event] | None] = queue.Queue()

    with opened(site, KEYED) as (_, client):
        replies = client.stream(iter(sent.get, None), metadata=bearer(token))
        sent.put([event("first")])
        assert next(replies).outcome.accepted == 1
        api_keys.revoke(key)
        site.wait_for(lambda: outcome(client, metadata=bearer(token)) == "unauthenticated", 3)
        sent.put([event("second")])
        with pytest.raises(grpc.RpcError) as caught:
            next(replies)
        sent.put(None)

    assert refusal(caught.value).name == "UNAUTHENTICATED"
    assert "second" not in {line["source"] for line in events(site.raw_topic)}


@pytest.mark.faults
def test_while_kafka_is_frozen_calls_are_unavailable_in_time_and_afterwards_taken_again(site: Deployment) -> None:
    with opened(site, {"DATAFLOW_PUBLISH_DEADLINE_SECONDS": "2"}) as (process, client):
        assert outcome(client) == "OK"
        with frozen_kafka(site):
            began = time.monotonic()
            with ThreadPoolExecutor(3) as pool:
                one = pool.submit(refused, client, event("frozen"))
                streamed = pool.submit(lambda: list(client.stream(iter([numbered(2, "frozen"), []]))))
                single = one.result()
                first, second = streamed.result()
            assert 1.9 < time.monotonic() - began < 4
            site.wait_for(lambda: not health_probe.serves(f"{ports.HOST}:{process.port}", service=SERVICE), 10)
        site.wait_for(lambda: outcome(client, event("thawed")) == "OK", 20)
        site.wait_for(lambda: health_probe.serves(f"{ports.HOST}:{process.port}", service=SERVICE), 10)

    assert (single.name, single.code, single.retry) == ("UNAVAILABLE", "broker_unavailable", 1)
    assert "may still arrive" in single.message
    assert read(first.refused).code == "broker_unavailable"
    assert second.outcome.accepted == 0
    assert not second.HasField("refused")


@pytest.mark.faults
def test_a_clients_own_deadline_is_kept_and_nothing_waits_for_it_afterwards(site: Deployment) -> None:
    with opened(site, {"DATAFLOW_IN_FLIGHT_EVENTS": "10", "DATAFLOW_MAX_BATCH_EVENTS": "10"}) as (_, client):
        assert outcome(client) == "OK"
        with frozen_kafka(site):
            # What is on its way to Kafka can't be called back, so this one stays there.
            with pytest.raises(grpc.RpcError):
                client.ingest(event("on-its-way"), timeout=0.2)
            began = time.monotonic()
            with pytest.raises(grpc.RpcError) as caught:
                client.raw("IngestBatch", batch(9, "impatient"), timeout=1)
            took = time.monotonic() - began
            # The room of the batch is free again, long before the site's own deadline.
            site.wait_for(lambda: how_it_ends(client, batch(9, "next")) is grpc.StatusCode.DEADLINE_EXCEEDED, 2)
        assert time.monotonic() - began < 5

    assert ended(caught.value).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert 0.9 < took < 1.5
    assert "impatient" not in {line["source"] for line in events(site.raw_topic)}


def how_it_ends(client: Client, message: bytes) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        client.raw("IngestBatch", message, timeout=0.5)
    return ended(caught.value).code()


def batch(count: int, source: str) -> bytes:
    return ingestion_pb2.IngestBatchRequest(events=numbered(count, source)).SerializeToString()


def test_a_full_budget_is_unavailable_and_takes_nothing(site: Deployment) -> None:
    env = {"DATAFLOW_IN_FLIGHT_EVENTS": "10", "DATAFLOW_MAX_BATCH_EVENTS": "10"}
    with ThreadPoolExecutor(2) as pool, opened(site, env) as (_, client):
        with frozen_kafka(site):
            waiting = {pool.submit(client.batch, numbered(10, source)): source for source in ("one", "other")}
            # Whichever came second finds no room.
            [second] = wait(waiting, timeout=1.5, return_when=FIRST_COMPLETED).done
            full = second.exception()
        [first] = set(waiting) - {second}
        assert first.result().accepted == 10

    assert isinstance(full, grpc.RpcError)
    assert (refusal(full).name, refusal(full).code, refusal(full).retry) == ("UNAVAILABLE", "overloaded", 1)
    assert {line["source"] for line in events(site.raw_topic)} == {waiting[first]}


def test_a_stream_reads_no_more_than_a_few_batches_ahead(site: Deployment) -> None:
    room = 10 * MAX_UNANSWERED  # events, and no more than that is on its way
    sent = 0

    def batches() -> Iterator[list[ingestion_pb2.Event]]:
        nonlocal sent
        for sent in range(1, 101):
            yield numbered(10, f"ahead-{sent}")

    env = {"DATAFLOW_IN_FLIGHT_EVENTS": str(room), "DATAFLOW_MAX_BATCH_EVENTS": "10"}
    with ThreadPoolExecutor(1) as pool, opened(site, env) as (process, client):
        with frozen_kafka(site):
            replies = pool.submit(lambda: list(client.stream(batches())))
            site.wait_for(lambda: sent == 100, 1)
            # The receiver has had its turns to read on.
            for _ in range(20):
                health_probe.serves(f"{ports.HOST}:{process.port}")
        assert [reply.outcome.accepted for reply in replies.result()] == [10] * 100


def test_reflection_is_enough_to_call_without_generated_code(site: Deployment) -> None:
    with opened(site) as (_, client):
        known = ProtoReflectionDescriptorDatabase(client.channel)
        services = known.get_services()
        pool = DescriptorPool(known)
        method = pool.FindServiceByName(SERVICE).methods_by_name["Ingest"]
        request, reply = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        sent: Any = request()
        sent.event.source_id = "reflected"
        sent.event.timestamp = "2025-04-11T12:00:00Z"
        sent.event.payload_struct.update({"n": 1})

        answer: Any = reply.FromString(client.raw("Ingest", sent.SerializeToString()))

    assert {SERVICE, "grpc.health.v1.Health"} <= set(services)
    assert ids(site.raw_topic) == {answer.event_id}


def test_a_signal_lets_what_is_in_flight_be_answered_and_ends_streams(site: Deployment) -> None:
    sent: queue.Queue[list[ingestion_pb2.Event] | None] = queue.Queue()
    with opened(site) as (process, client):
        replies = client.stream(iter(sent.get, None))
        sent.put([event("before")])
        assert next(replies).outcome.accepted == 1
        with ThreadPoolExecutor(1) as pool:
            with frozen_kafka(site):
                waiting = pool.submit(client.batch, numbered(5, "in-flight"))
                sent.put([event("streamed")])
                time.sleep(0.5)
                process.ask_to_stop()
                site.wait_for(lambda: not health_probe.serves(f"{ports.HOST}:{process.port}"), 5)
                assert process.running
            assert waiting.result().accepted == 5
        assert next(replies).outcome.accepted == 1
        with pytest.raises(grpc.RpcError) as caught:
            next(replies)
        sent.put(None)
        site.wait_for(lambda: not process.running, 10)

    assert ended(caught.value).code() is grpc.StatusCode.UNAVAILABLE
    assert process.exit_code == 0
    assert {line["source"] for line in events(site.raw_topic)} == {"before", "in-flight", "streamed"}


def test_health_and_metrics_are_at_a_port_of_their_own_over_http(site: Deployment) -> None:
    with opened(site) as (process, client):
        site.wait_for(lambda: call(process.metrics_url, "GET", "/readyz").status == 200, 20)
        client.ingest(event())
        metrics = call(process.metrics_url, "GET", "/metrics").body.decode()

        assert call(process.metrics_url, "GET", "/healthz").status == 200
        assert "ingestion_events_accepted_total 1.0" in metrics
        with frozen_kafka(site):
            site.wait_for(lambda: call(process.metrics_url, "GET", "/readyz").status == 503, 20)


def test_a_port_that_is_taken_is_said_in_one_sentence(site: Deployment) -> None:
    with socket.create_server((ports.HOST, 0)) as taken:
        process = site.launch(processes.GRPC)
        process.stop()
        port = taken.getsockname()[1]
        second = ProductProcess(processes.GRPC, port=port, log=site.folder / "second.log", env=site.env)
        site.processes.append(second)
        third = site.launch(processes.GRPC, {"DATAFLOW_GRPC_METRICS_PORT": str(port)})
        site.wait_for(lambda: not second.running and not third.running, 20)

    assert (second.exit_code, third.exit_code) == (1, 1)
    assert f"Can't listen on {ports.HOST}:{port}: set GRPC_SERVICE_PORT to a free port" in second.log
    assert f"Can't listen on {ports.HOST}:{port}: set DATAFLOW_GRPC_METRICS_PORT to a free port" in third.log
    assert "Traceback" not in second.log + third.log


@pytest.mark.faults
def test_the_example_of_the_page_brings_its_events_in_even_if_it_has_to_wait(site: Deployment, tmp_path: Path) -> None:
    page = (processes.ROOT / "docs" / "grpc.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    generate = next(block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "--grpc_python_out" in block)
    command = generate[generate.index("python -m grpc_tools") :].replace("--python_out=. --grpc_python_out=.", "$OUT")
    out = f"--python_out={tmp_path} --grpc_python_out={tmp_path}"
    path = f"{Path(sys.executable).parent}:{site.env['PATH']}"
    subprocess.run(command.replace("$OUT", out), shell=True, check=True, cwd=processes.ROOT, env={"PATH": path})

    with opened(site, {"DATAFLOW_PUBLISH_DEADLINE_SECONDS": "1"}) as (process, _):
        with frozen_kafka(site):
            (tmp_path / "example.py").write_text(code.replace("50051", str(process.port)))
            example = Process(
                [sys.executable, "example.py"], log=tmp_path / "log", env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path
            )
            time.sleep(2)
            assert example.running
        site.wait_for(lambda: not example.running, 20)

    assert example.log == "100 accepted 0 rejected\n"
    assert len(ids(site.raw_topic)) == 100


@pytest.mark.faults
def test_a_client_that_pings_a_quiet_stream_is_not_sent_away(site: Deployment) -> None:
    # The fastest that the docs allow, and as gRPC counts: after the second ping too soon the server ends the connection.
    pings = [
        ("grpc.keepalive_time_ms", MIN_PING_INTERVAL + 1_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    process = site.start_grpc()
    client = Client(process.port, options=pings)
    asked: queue.SimpleQueue[list[ingestion_pb2.Event] | None] = queue.SimpleQueue()
    with client.channel:
        answers = client.stream(iter(asked.get, None), timeout=120)
        asked.put([event("quiet")])
        assert next(answers).outcome.accepted == 1
        quiet_until = time.monotonic() + 6 * (MIN_PING_INTERVAL + 1_000) / 1_000
        while time.monotonic() < quiet_until:
            time.sleep(0.5)
        asked.put([event("quiet", {"n": 2})])
        assert next(answers).outcome.accepted == 1
        asked.put(None)
