"""The load generator speaks HTTP/2 of its own: every request has to arrive, once and whole."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from deploy.bench.load.events import make_events
from deploy.bench.load.grpc_load import batch_requests, send_calls, send_stream
from deploy.bench.load.sender import Answers, LoadFailed
from deploy.testing.deployment import Deployment
from ingestion.tests.topic import events

SIZE = 100  # events of a batch; two frames each


@pytest.mark.services
def test_every_event_arrives_once_as_calls_and_as_messages_of_a_stream(site: Deployment) -> None:
    port = site.start_grpc().port

    calls = send_calls(batch_requests(2_000, size=SIZE, prefix="call"), port=port, at_once=4)
    stream = send_stream(batch_requests(2_000, size=SIZE, prefix="stream"), port=port, at_once=4)

    assert calls.statuses == stream.statuses == {202: 20}
    assert len(calls.latencies) == 20
    arrived = [line for line in events(site.raw_topic) if line["source"].startswith("call-")]
    sent = [json.loads(text)["payload"] for text in make_events(2_000, prefix="call")]
    assert len({line["id"] for line in arrived}) == len(arrived) == 2_000
    assert sorted(map(str, [line["payload"] for line in arrived])) == sorted(map(str, sent))
    assert len(events(site.raw_topic)) == 4_000


@pytest.mark.services
@pytest.mark.parametrize("send", [send_calls, send_stream])
def test_a_batch_that_is_not_accepted_stops_the_measurement(site: Deployment, send: Callable[..., Answers]) -> None:
    port = site.start_grpc({"DATAFLOW_MAX_BATCH_EVENTS": "10"}).port

    with pytest.raises(LoadFailed):
        send(batch_requests(100, size=SIZE, prefix="many"), port=port, at_once=4)
