"""A replay takes stored events through another revision, exactly, and another replay undoes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction

from deploy.testing.deployment import Deployment
from ingestion.tests import topic
from processing.events.fields import MAX_FIELDS
from processing.models import DeadLetter, Event, RollupHour
from processing.recovery.reconcile import reconcile, report_text
from processing.recovery.replay import reading
from processing.stores.packed import packing
from processing.stores.packed.rollups import MINUTES
from processing.tests import expectations, factories, logic_revisions, replaying
from processing.tests.consumer_thread import running_loop
from processing.tests.logic_revisions import rule
from processing.tests.packing import pack

pytestmark = pytest.mark.services

EVENTS = 30


def event(number: int, source: str = "sensor-1") -> dict[str, Any]:
    payload = {"n": number, "level": number / 4, "site": {"name": "a" if number % 2 else "b"}}
    return {"sourceId": source, "timestamp": f"2026-03-01T{number // 6:02}:{number % 6}0:00Z", "payload": payload}


def consume(site: Deployment) -> None:
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)


def assert_agrees() -> None:
    report = reconcile.run()
    assert report.ok, report_text.render(report)


@pytest.fixture(name="stored")
def _stored(site: Deployment) -> Deployment:
    """Thirty events of each of two sources, stored while there was no logic."""
    factories.put_events(
        site.raw_topic, *(event(n, source) for source in ("sensor-1", "sensor-2") for n in range(EVENTS))
    )
    consume(site)
    return site


def all_kinds() -> int:
    """Make rules current that change, tag, reject and drop."""
    return logic_revisions.use(
        rule("derived", "set double = n * 2", "remove level", when='site.name == "a"', sources=("sensor-1",)),
        rule("hot", "tag hot", when="n >= 25", sources=("sensor-1",)),
        rule("first", 'reject "too small"', when="n < 3", sources=("sensor-1",)),
        rule("noise", "drop", when="n == 10 or n == 11", sources=("sensor-1",)),
    )


@pytest.mark.usefixtures("stored")
def test_a_replay_changes_rows_rollups_and_ledger_and_its_undo_restores_all() -> None:
    before = replaying.tables()
    revision = all_kinds()

    done = replaying.replay(revision)

    # Thirteen odd ones that stay have another payload, and two more another tag.
    assert replaying.counts(done) == {"read": 60, "changed": 15, "rejected": 3, "dropped": 2}
    rows = {row.payload["n"]: row for row in Event.objects.filter(source_id="sensor-1")}
    assert rows.keys() == set(range(EVENTS)) - {0, 1, 2, 10, 11}
    assert (rows[27].payload, rows[27].tags) == ({"n": 27, "site": {"name": "a"}, "double": 54}, ["hot"])
    assert (rows[27].revision, rows[27].replay) == (revision, done.pk)
    assert (rows[4].revision, rows[4].replay) == (None, None)
    assert RollupHour.objects.filter(field="double").count() == 5
    assert set(DeadLetter.objects.values_list("reason", "replay")) == {("rejected_by_rule", done.pk)}
    assert_agrees()
    assert reconcile.run().recounted["postgresql"]["droppedByReplay"] == 2

    undone = replaying.replay(0)

    assert replaying.counts(undone) == {"read": 60, "changed": 15, "appeared": 5}
    assert replaying.tables() == before
    assert_agrees()


@pytest.mark.usefixtures("stored")
def test_a_second_run_and_a_dry_run_change_nothing() -> None:
    revision = all_kinds()
    would = replaying.replay(revision, dry_run=True)
    untouched = replaying.tables()
    done = replaying.replay(revision)
    after = replaying.tables()
    again = replaying.replay(revision)

    assert replaying.counts(would) == replaying.counts(done)
    assert Event.objects.filter(replay=would.pk).count() == 0
    assert len(untouched["events"]) == 60
    assert replaying.counts(again) == {"read": 60}
    assert replaying.tables() == after


@pytest.mark.usefixtures("stored")
def test_events_pass_in_small_chunks_as_in_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    revision = all_kinds()
    done = replaying.replay(revision)
    whole = replaying.tables()
    replaying.replay(0)
    for name in ("_ROWS", "_REMOVED"):
        monkeypatch.setattr(reading, name, getattr(reading, name).replace(f"LIMIT {reading.CHUNK}", "LIMIT 4"))
    monkeypatch.setattr(reading, "CHUNK", 4)

    again = replaying.replay(revision)

    assert replaying.counts(again) == replaying.counts(done)
    assert replaying.tables() == whole
    replaying.replay(0)
    assert_agrees()


def test_what_comes_again_after_a_replay_stays_accounted_for(stored: Deployment) -> None:
    revision = all_kinds()
    replaying.replay(revision)
    factories.put_events(stored.raw_topic, event(10), event(0), event(20))
    consume(stored)
    assert_agrees()
    logic_revisions.activate(0)
    factories.put_events(stored.raw_topic, event(11), event(1))
    consume(stored)
    assert_agrees()

    replaying.replay(0)

    assert Event.objects.filter(source_id="sensor-1").count() == EVENTS
    assert_agrees()


def test_only_the_named_sources_and_times_are_replayed(stored: Deployment) -> None:
    revision = logic_revisions.use(rule("tagged", "tag seen"))
    request = {
        "sources": ("sensor-1", "other-*"),
        "since": datetime(2026, 3, 1, 1, tzinfo=UTC),
        "until": datetime(2026, 3, 1, 2, tzinfo=UTC),
    }

    done = replaying.replay(revision, **request)

    assert replaying.counts(done) == {"read": 6, "changed": 6}
    assert {(row.source_id, row.ts.hour) for row in Event.objects.filter(tags=["seen"])} == {("sensor-1", 1)}


def test_changed_rows_are_published_if_asked_for(stored: Deployment) -> None:
    before = len(topic.events(stored.processed_topic))
    revision = logic_revisions.use(rule("tagged", "tag seen", sources=("sensor-2",)))

    replaying.replay(revision, publish=True)

    published = topic.events(stored.processed_topic)[before:]
    assert len(published) == EVENTS
    assert {(each["source"], *each["tags"]) for each in published} == {("sensor-2", "seen")}


@pytest.mark.usefixtures("stored")
def test_only_the_rollups_of_fields_that_change_are_computed_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rollup_hour SET sum = sum + 1 WHERE field = 'n'")
    revision = logic_revisions.use(rule("derived", "set double = n * 2", 'set site.name = "c"'))

    replaying.replay(revision)

    # The wrong sums of `n` are left to reconcile.
    report = reconcile.run()
    assert set(report.kinds) == {"rollup_hour_differs"}
    assert {difference["field"] for difference in report.differences} == {"n"}
    assert report.kinds["rollup_hour_differs"] == RollupHour.objects.filter(field="n").count()


@pytest.mark.usefixtures("stored")
def test_packed_rollups_are_replayed_as_well() -> None:
    pack()
    before = replaying.tables()
    revision = all_kinds()

    replaying.replay(revision)
    assert_agrees()
    replaying.replay(0)

    assert_agrees()
    after = replaying.tables()
    # An hour of the ledger that is folded has a minute beside it now, which adds nothing.
    del before["ledger"], after["ledger"]
    assert after == before


@pytest.mark.usefixtures("stored")
def test_packing_that_has_come_as_far_as_the_minutes_loses_none() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        packing.pack(cursor, MINUTES, after=None, before=datetime(2090, 1, 1, tzinfo=UTC), limit=100_000)
    before = replaying.tables()
    revision = logic_revisions.use(rule("derived", "set n = n * 2"))

    replaying.replay(revision)
    assert_agrees()
    replaying.replay(0)

    assert replaying.tables() == before


def test_fields_that_are_nested_or_too_many_are_replayed_as_well(site: Deployment) -> None:
    many = {f"f{n:02}": n for n in range(MAX_FIELDS)}
    payloads = [{"site": {"level": n}, "a.b": n, **(many if n % 2 else {})} for n in range(10)]
    factories.put_events(site.raw_topic, *({**event(n), "payload": payload} for n, payload in enumerate(payloads)))
    consume(site)
    before = replaying.tables()
    # A field with a small name is one of the first, and then the last is not rolled up.
    revision = logic_revisions.use(
        rule("nested", "set site.level = site.level + 1", 'set payload["a.c"] = payload["a.b"]'),
        rule("first", "set site.double = site.level * 2", "set a = 1", when="f00 == 0"),
    )

    replaying.replay(revision)

    assert RollupHour.objects.filter(field=r"a\.c").exists()
    assert not RollupHour.objects.filter(field="site.double").exists()
    assert_agrees()
    replaying.replay(0)
    assert replaying.tables() == before
