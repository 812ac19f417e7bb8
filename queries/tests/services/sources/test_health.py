"""How sources are, read from rows: the planted ones are found, in lists of many, within the scope of the reader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.models import FailingSource, Source
from processing.models import DeadLetter, Hold, LedgerMinute, SourceStatistics, Topic
from processing.stores import month_partitions
from queries.request.query_params import Parameters
from queries.sources.health import facts, habits, index, listing, one
from queries.sources.health.backlog import Partitions
from queries.sources.health.listing import PARAMETERS, HealthPage, HealthQuery
from queries.sources.health.state import decide
from queries.tests.stored import make_event, store, topic

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _nothing_kept(site: Deployment) -> None:
    habits.forget()
    index.forget()
    now = datetime.now(tz=UTC)
    connection.ensure_connection()
    month_partitions.ensure(
        connection.connection, {(now - timedelta(days=days)).replace(day=1) for days in (0, 2, 40, 42)}
    )


def sends(source: str, *, every: timedelta = 10 * SECOND, ago: timedelta = 2 * SECOND, ahead: timedelta = timedelta(0),
          **more: Any) -> None:  # fmt: skip
    """Store thirty events that a source sent in a steady pace, the last of them some time ago."""
    last = datetime.now(tz=UTC) - ago
    events = [make_event(source, ts=last - number * every + ahead) for number in range(30)]
    for number, event in enumerate(events):
        event.received = last - number * every
    store(*events)
    SourceStatistics.objects.create(
        **{"source_id": source, "first_seen": events[-1].received, "last_seen": last, "latest_event": last + ahead, "read": 30, "stored": 30, **more}
    )  # fmt: skip
    for number in range(3):
        ledger(source, ago=ago + number * max(every, MINUTE), stored=10)


def ledger(source: str, *, ago: timedelta, stored: int = 0, failed: int = 0, duplicate: int = 0) -> None:
    minute = (datetime.now(tz=UTC) - ago).replace(second=0, microsecond=0)
    LedgerMinute.objects.update_or_create(
        source_id=source, minute=minute, partition=0,
        defaults={"read": stored + failed + duplicate, "stored": stored, "dead_lettered": failed, "duplicate": duplicate},
    )  # fmt: skip


def letter(source: str, *, offset: int) -> None:
    now = datetime.now(tz=UTC)
    DeadLetter.objects.create(
        topic=topic(), partition=0, offset=offset, line=0, raw=b"?", reason="invalid_timestamp", stage="decode",
        detail="/timestamp: expected RFC 3339", source_id=source, received=now, first_seen=now, last_seen=now,
        fingerprint="f",
    )  # fmt: skip


def listed(scope: ReadScope = EVERYTHING, **parameters: str) -> HealthPage:
    index.forget()
    query = QueryDict(mutable=True)
    query.update(parameters)
    found = HealthQuery.from_parameters(Parameters(query, known=PARAMETERS))
    return listing.page(found, scope=scope, now=datetime.now(tz=UTC))


def states(page: HealthPage) -> dict[str, str]:
    return {each["sourceId"]: each["state"] for each in page.results}


def test_planted_troubles_are_found_and_stand_first() -> None:
    for name in ("well-1", "well-2"):
        sends(name)
    sends("meter-3", ago=51 * MINUTE)
    sends("old-clock", ahead=timedelta(days=-40))
    sends("hourly", every=timedelta(hours=1), ago=timedelta(minutes=40))
    sends("set-to-a-minute", every=timedelta(hours=1), ago=6 * MINUTE)
    sends("off")
    sends("aside")
    # Every event of it became a dead letter.
    now = datetime.now(tz=UTC)
    SourceStatistics.objects.create(
        source_id="gateway", first_seen=now, last_seen=now - SECOND, read=76, dead_lettered=76
    )
    ledger("gateway", ago=3 * MINUTE, failed=70)
    ledger("gateway", ago=SECOND, failed=6)
    letter("gateway", offset=1)
    Source.objects.create(source_id="set-to-a-minute", expected_interval=60.0)
    Source.objects.create(source_id="off", enabled=False, labels={"site": "north", "unit": "V"})
    Source.objects.create(source_id="unheard", labels={"site": "north"})
    FailingSource.objects.create(source_id="aside", since=now, until=now + MINUTE, reason="too many")

    page = listed()
    found = states(page)

    assert list(found.items()) == [
        ("aside", "failing"), ("gateway", "failing"), ("meter-3", "silent"), ("set-to-a-minute", "silent"),
        ("old-clock", "skewed"), ("unheard", "new"), ("off", "disabled"), ("hourly", "live"), ("well-1", "live"),
        ("well-2", "live"),
    ]  # fmt: skip
    assert page.counts["silent"] == 2
    rows = {each["sourceId"]: each for each in page.results}
    why = rows["gateway"]["why"]
    assert (why["before"], why["after"]) == (
        "76 of 76 events since ", " failed: /timestamp: expected RFC 3339."
    )  # fmt: skip
    assert (rows["gateway"]["code"], rows["gateway"]["rejectsPercent"]) == ("invalid_timestamp", 100.0)
    assert rows["meter-3"]["why"]["before"] == "Silent for 51 min; it usually sends every 10 s."
    assert rows["set-to-a-minute"]["why"]["before"] == "Silent for 6 min; it should send every 60 s."
    assert rows["well-1"]["interval"] == pytest.approx(10)
    assert rows["well-1"]["skewSeconds"] == pytest.approx(0)
    assert rows["old-clock"]["skewSeconds"] == pytest.approx(-40 * 86_400)
    assert sum(rows["well-1"]["minutes"]) == 30
    assert (rows["unheard"]["perSecond"], rows["unheard"]["rejectsPercent"]) == (None, None)
    assert [tuple(each) for each in page.labels] == [("site", "north", 2)]


def test_lists_are_searched_filtered_and_paged_in_their_order() -> None:
    for number in range(7):
        sends(f"plant-{number}", ago=(number % 2) * 51 * MINUTE + SECOND)
    Source.objects.create(source_id="plant-3", labels={"site": "north"})

    seen: list[str] = []
    page = listed(limit="2")
    while True:
        seen += states(page)
        if page.next is None:
            break
        following = listed(limit="2", cursor=page.next)
        back = listed(limit="2", cursor=str(following.previous))
        assert states(back) == states(page)
        page = following

    silent, live = ["plant-1", "plant-3", "plant-5"], ["plant-0", "plant-2", "plant-4", "plant-6"]
    assert seen == silent + live
    assert list(states(listed(state="live"))) == live
    assert listed(state="live").counts == {"silent": 3, "live": 4}
    assert list(states(listed(q="NT-3"))) == ["plant-3"]
    assert list(states(listed(label="site:north"))) == list(states(listed(label="site"))) == ["plant-3"]
    assert list(states(listed(label="site:south"))) == []
    assert list(states(listed(sort="name"))) == sorted(seen)
    assert set(list(states(listed(sort="seen")))[:4]) == set(live)


def test_a_reader_of_some_sources_sees_nothing_of_others() -> None:
    for name in ("mine", "other"):
        sends(name)
        Source.objects.create(source_id=name, labels={"of": name})
    mine = ReadScope(frozenset({"mine"}))

    page = listed(mine)

    assert states(page) == {"mine": "live"}
    assert page.counts == {"live": 1}
    assert [each.value for each in page.labels] == ["mine"]
    assert states(listed(mine, label="of:other")) == states(listed(mine, q="other")) == {}
    assert one.read("other", scope=mine, now=datetime.now(tz=UTC)) is None
    found = one.read("mine", scope=mine, now=datetime.now(tz=UTC))
    assert found is not None
    assert found["state"] == "live"


def test_sources_of_a_held_partition_wait_whether_or_not_anything_of_them_was_read() -> None:
    sends("read-before", ago=51 * MINUTE)
    sends("silent-before", ago=180 * MINUTE)
    Source.objects.create(source_id="never-read")
    held = (datetime.now(tz=UTC) - 51 * MINUTE).timestamp()
    every = Partitions(1, {0: held}, {})

    found = facts.read(EVERYTHING, every, now=datetime.now(tz=UTC))

    now = datetime.now(tz=UTC).timestamp()
    assert {each.source_id: decide(each, now=now) for each in found} == {
        "read-before": "held", "never-read": "held", "silent-before": "silent",
    }  # fmt: skip
    # As many statements for one source as for many.
    habits.forget()
    with CaptureQueriesContext(connection) as few:
        facts.read(ReadScope(frozenset({"never-read", "read-before"})), every, now=datetime.now(tz=UTC))
    habits.forget()
    with CaptureQueriesContext(connection) as many:
        facts.read(EVERYTHING, every, now=datetime.now(tz=UTC))
    assert len(few) == len(many)


def test_the_hold_of_a_partition_shows_at_its_sources() -> None:
    Source.objects.create(source_id="waiting")
    held, _ = Topic.objects.get_or_create(pk=topic().pk)
    for partition in range(6):
        Hold.objects.create(topic=held, partition=partition, since=datetime.now(tz=UTC), reason="too many")

    [row] = listed().results

    assert row["state"] == "held"
    assert row["why"]["before"] == f"Waits: partition {row['partition']} is held since "
    assert row["perSecond"] is None
