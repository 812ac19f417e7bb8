"""docs/clients.md: the sender on the page is run as it stands there."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dataflow_site.environment.env import BASE_DIR
from deploy.testing.deployment import Deployment
from ingestion.tests.client import event
from ingestion.tests.conftest import open_receiver
from ingestion.tests.topic import events
from processing.models import DeadLetter, Event

pytestmark = pytest.mark.services

Send = Callable[[httpx.Client, list[dict[str, Any]]], list[tuple[dict[str, Any], str, str]]]
BATCHES = 60
# After the receiver's own deadline has passed once, so that some answers are 503 and what they brought is unknown.
FROZEN_SECONDS = 7.0


@pytest.fixture
def send() -> Send:
    page = (BASE_DIR / "docs" / "clients.md").read_text()
    [sender] = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def send(" in block]
    names: dict[str, Any] = {}
    exec(compile(sender, "docs/clients.md", "exec"), names)
    found: Send = names["send"]
    return found


def numbered_batch(number: int) -> list[dict[str, Any]]:
    """Nineteen good events and a bad one in their midst."""
    batch = [event("guide", payload={"n": number * 20 + index}) for index in range(20)]
    batch[7]["payload"] = "none"
    return batch


@pytest.mark.faults
def test_the_guides_sender_loses_and_doubles_nothing_while_kafka_is_frozen(site: Deployment, send: Send) -> None:
    receiver = open_receiver(site)
    site.start_consumer()
    statuses: list[int] = []
    journal: list[int] = []
    refused: list[tuple[dict[str, Any], str, str]] = []

    with httpx.Client(
        base_url=receiver.url,
        timeout=10,
        event_hooks={"response": [lambda answer: statuses.append(answer.status_code)]},
    ) as client:
        for number in range(BATCHES):
            if number == BATCHES // 2:
                site.servers.kafka.freeze()
                threading.Timer(FROZEN_SECONDS, site.servers.kafka.thaw).start()
            batch = numbered_batch(number)
            refused += send(client, batch)
            journal += [one["payload"]["n"] for one in batch if one["payload"] != "none"]

    lines = events(site.raw_topic)
    assert 503 in statuses
    assert sorted({line["payload"]["n"] for line in lines}) == journal
    # A copy has the id of the first, by which it is known as one.
    assert len({line["id"] for line in lines}) == len(journal)
    assert [(each["payload"], code) for each, code, _ in refused] == [("none", "wrong_type")] * BATCHES
    site.wait_for(lambda: Event.objects.count() >= len(journal), 30)
    assert sorted(Event.objects.values_list("payload__n", flat=True)) == journal
    assert not DeadLetter.objects.exists()


def test_what_no_other_try_would_change_is_raised_and_the_events_stay_with_the_sender(
    site: Deployment, send: Send
) -> None:
    receiver = open_receiver(site, {"DATAFLOW_OPEN_INGEST": "0"})
    batch = numbered_batch(0)

    with httpx.Client(base_url=receiver.url, timeout=10) as client, pytest.raises(httpx.HTTPStatusError, match="401"):
        send(client, batch)

    assert len(batch) == 20
    assert events(site.raw_topic) == []


def test_a_batch_without_a_good_event_is_given_back_whole(site: Deployment, send: Send) -> None:
    receiver = open_receiver(site)

    with httpx.Client(base_url=receiver.url, timeout=10) as client:
        refused = send(client, [{}, event("guide", payload=[])])

    assert [code for _, code, _ in refused] == ["missing_field", "wrong_type"]
