"""What the overview says of the receivers."""

from __future__ import annotations

import pytest
from django.test import Client

from dashboard.panels import snapshot
from dashboard.tests.conftest import ReceiverBeats
from dashboard.tests.services.pages.test_pages import text_of
from deploy.testing.deployment import Deployment
from ingestion import problems
from ingestion.acceptance.backpressure import BackpressureState

services = pytest.mark.services


def test_the_most_frequent_reasons_stand_first_in_words() -> None:
    refused = dict.fromkeys(("a", "b", "c", "d"), 1) | {"not_json": 3, "missing_field": 40}

    shown = snapshot.receivers({"acceptedPerSecond": 0, "accepted": 0, "refused": refused, "processes": []})

    assert shown is not None
    assert shown["refused"] == 47
    assert [reason["code"] for reason in shown["reasons"]] == ["missing_field", "not_json", "a", "b", "c"]
    assert shown["reasons"][0]["meaning"] == "A required field is missing"


def test_a_reason_that_this_release_does_not_know_is_shown_by_its_code() -> None:
    assert problems.in_words("from_the_future") == "from_the_future"


@services
def test_the_overview_says_what_the_receivers_count_without_scripts(
    client: Client, site: Deployment, receiver_beats: ReceiverBeats
) -> None:
    # The state of the pipeline is kept for a second.
    site.wait_for(lambda: step(client) == "Receivers none runs – accepted / s", 10)

    receiver_beats.say("host-1", accepted=1234, refused={"missing_field": 5, "not_json": 1})
    running = "Receivers 123 accepted / s 1 process 6 rejected, most: A required field is missing"
    site.wait_for(lambda: step(client) == running, 10)

    receiver_beats.say("host-2", guard=BackpressureState("closed", "processing is more than 9 s behind"))
    site.wait_for(lambda: step(client).endswith("1 closed: processing is more than 9 s behind"), 10)
    assert step(client).startswith("Receivers closed")


@services
def test_without_redis_the_overview_cannot_tell(client: Client, site: Deployment) -> None:
    site.servers.redis.stop()
    try:
        assert step(client) == "Receivers unknown – accepted / s"
    finally:
        site.servers.redis.start()


@services
@pytest.mark.faults
def test_without_postgresql_the_receivers_still_show_themselves(
    client: Client, site: Deployment, receiver_beats: ReceiverBeats
) -> None:
    receiver_beats.say("host-1", refused={"not_json": 77})
    site.servers.postgres.stop()

    assert "77 rejected" in step(client)


def step(client: Client) -> str:
    """Return the first step of the way of an event."""
    return text_of(client, "/").partition("The way of an event Pipeline ")[2].partition(" Kafka")[0]
