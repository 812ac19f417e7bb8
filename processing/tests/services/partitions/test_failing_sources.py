"""A source that spoils is set aside by consumer and receivers; its neighbours in the partition go on."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from deploy.testing.deployment import Deployment
from ingestion.kafka.partitioner import partition_of
from ingestion.models import FailingSource
from ingestion.tests.client import event, post
from processing.ledger.incidents import open_incidents
from processing.models import DeadLetter, Hold, SourceStatistics
from processing.partitions import failing_sources
from processing.tests import admin_pages, expectations, factories
from processing.tests.commands import run_command, run_json

pytestmark = pytest.mark.services

WITHIN = 30  # seconds
SPOILER = "spoiler"
# Of the same partition.
NEIGHBOUR = next(
    name for name in map("neighbour-{}".format, range(100)) if partition_of(name, 6) == partition_of(SPOILER, 6)
)
CONFLICTS = 250


def conflicting(count: int, first: int = 0) -> list[dict[str, object]]:
    return [event(SPOILER, eventId=factories.event_id(1), payload={"n": first + n}) for n in range(count)]


def stored(source: str) -> int:
    found = SourceStatistics.objects.filter(source_id=source).first()
    return found.stored if found else 0


@pytest.mark.sample
def test_a_source_that_spoils_is_throttled_and_its_neighbour_goes_on(site: Deployment) -> None:
    url = site.start_ingest().url
    site.start_consumer()

    assert post(url, conflicting(CONFLICTS)).status == 202
    site.wait_for(lambda: post(url, event(SPOILER)).status == 429, WITHIN)
    refused = post(url, [event(SPOILER), event(SPOILER, payload={"n": 2})])
    mixed = post(url, [event(SPOILER), *[event(NEIGHBOUR, payload={"n": n}) for n in range(5)]])

    assert (refused.code, 0 < int(refused.headers["retry-after"]) <= 60) == ("source_failing", True)
    assert (mixed.status, mixed.json["accepted"]) == (207, 5)
    assert [result["code"] for result in mixed.json["results"]] == ["source_failing"]
    site.wait_for(lambda: stored(NEIGHBOUR) == 5, WITHIN)
    site.wait_for(lambda: expectations.caught_up(site), WITHIN)
    assert DeadLetter.objects.filter(source_id=SPOILER, reason="id_conflict").count() == CONFLICTS - 1
    assert (open_incidents().get().kind, open_incidents().get().subject) == ("source", SPOILER)
    assert not Hold.objects.exists()

    # An operator ends it.
    assert SPOILER in run_command("failing_sources", "list", code=1).stdout
    run_json("failing_sources", "resume", SPOILER)
    site.wait_for(lambda: post(url, event(SPOILER, eventId=factories.event_id(2))).status == 202, WITHIN)
    assert not open_incidents().exists()
    site.wait_for(lambda: expectations.caught_up(site), WITHIN)
    assert expectations.differences() == []


@pytest.mark.faults
def test_a_throttle_ends_by_itself_and_is_longer_the_next_time(site: Deployment) -> None:
    site.start_consumer({"DATAFLOW_SOURCE_THROTTLE_SECONDS": "1"})

    for round_ in range(2):
        lines = [factories.line(1, b'{"n":%d}' % n, source=SPOILER) for n in range(round_ * 300, round_ * 300 + 300)]
        factories.put(site.raw_topic, *lines)
        site.wait_for(lambda times=round_ + 1: FailingSource.objects.filter(times=times).exists(), WITHIN)  # type: ignore[misc]
        site.wait_for(lambda: not open_incidents().exists(), WITHIN)

    one = FailingSource.objects.get()
    assert 1.9 <= (one.until - one.since).total_seconds() <= 2.1
    assert not failing_sources.throttled_now().exists()


def test_the_admin_lists_throttled_sources_and_leads_to_where_one_acts(site: Deployment) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        failing_sources.set_aside(cursor, {SPOILER: "200 events in a row became dead letters"})

    page = admin_pages.text(admin_pages.operator().get("/admin/ingestion/failingsource/"))

    assert SPOILER in page
    assert 'href="/pipeline/incidents/"' in page
