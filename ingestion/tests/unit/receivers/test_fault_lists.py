"""How many faults an answer lists."""

from __future__ import annotations

import json
from contextvars import copy_context
from typing import Any

import pytest

from ingestion.acceptance.options import MAX_FAULT_TEXT, MAX_FAULTS, Options, outcome
from ingestion.events.batch import ParsedBatch, Rejected
from ingestion.problems import Code
from ingestion.receivers.grpc.messages import responses
from ingestion.tests.bad_inputs import post
from ingestion.tests.client import event
from ingestion.tests.unit.receivers.wire import talk

BAD: list[Any] = [event(payload=[n]) for n in range(999)]


@pytest.mark.parametrize(
    ("path", "batch", "status"),
    [
        ("/ingest", [*BAD, event()], 207),
        ("/ingest/validate", [*BAD, event()], 207),
        ("/ingest?atomic=true", [*BAD, event()], 422),
        ("/ingest?results=all&atomic=true", [*BAD[:101], *[event()] * 800], 422),
        ("/ingest", BAD, 422),
    ],
)
async def test_an_answer_lists_a_hundred_faults_and_tells_their_number(
    port: int, path: str, batch: list[Any], status: int
) -> None:
    [reply] = await talk(port, post(json.dumps(batch).encode(), path=path))

    assert reply.status == status
    rejected = [item for item in reply.json["results"] if item["status"] == "rejected"]
    assert len(rejected) == MAX_FAULTS
    assert reply.json["errorCount"] == len([item for item in batch if isinstance(item["payload"], list)])
    assert len(reply.body) < 32_000


async def test_a_few_faults_are_listed_without_a_count(port: int) -> None:
    [reply] = await talk(port, post(json.dumps([*BAD[:100], event()]).encode()))

    assert (len(reply.json["results"]), "errorCount" in reply.json) == (100, False)


def test_long_faults_are_fewer() -> None:
    long = [Rejected(n, Code.INVALID_TEXT, "/" + "k" * 8_000, "k" * 8_000) for n in range(100)]

    found = outcome(ParsedBatch([], [], long, single=False), Options())

    assert 0 < len(found.results) <= MAX_FAULT_TEXT // 16_000
    assert found.error_count == 100
    # An answer sets the request's id, which is nobody else's.
    refusal = copy_context().run(responses.refusal, found)
    assert refusal is not None
    assert "100 were rejected" in refusal.message
