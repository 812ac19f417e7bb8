"""The overview's panel of the receivers."""

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
    client: Client, receiver_beats: ReceiverBeats
) -> None:
    receiver_beats.say("host-1", accepted=1234, refused={"missing_field": 5})
    receiver_beats.say("host-2", guard=BackpressureState("closed", "processing is more than 9 s behind"))

    text = text_of(client, "/")

    assert "Accepted per second 123 Accepted 1,234 Rejected 5" in text
    assert "A required field is missing missing_field 5" in text
    assert "ingest host-2 closed: processing is more than 9 s behind" in text
    assert "no part of the ledger" in text


@services
def test_receivers_that_refused_nothing_say_so_and_no_receivers_is_nothing_yet(
    client: Client, receiver_beats: ReceiverBeats
) -> None:
    before = client.get("/").content.decode()
    receiver_beats.say("host-1")

    assert panel(before).count("Nothing yet.") == 1
    assert "Nothing was rejected." in text_of(client, "/")


@services
def test_without_redis_the_panel_cannot_tell(client: Client, site: Deployment) -> None:
    site.servers.redis.stop()
    try:
        html = client.get("/").content.decode()
    finally:
        site.servers.redis.start()

    assert "Unknown." in panel(html)


@services
@pytest.mark.faults
def test_without_postgresql_the_receivers_still_show_themselves(
    client: Client, site: Deployment, receiver_beats: ReceiverBeats
) -> None:
    receiver_beats.say("host-1", accepted=77)
    site.servers.postgres.stop()

    assert "Accepted 77" in text_of(client, "/")


def panel(html: str) -> str:
    return html[html.index('id="doors"') :].partition("</section>")[0]
