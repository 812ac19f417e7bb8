"""Rows that replays were through and that are lost or damaged come back as the replays left them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from django.db import connection

from deploy.testing.deployment import Deployment
from processing.commandline.event_range import EventRange
from processing.commandline.progress import Progress
from processing.jobs import queue
from processing.models import Event, Job
from processing.recovery.rebuild import rows
from processing.recovery.reconcile import reconcile, report_text
from processing.recovery.repair import repair
from processing.recovery.replay import job as replay_job
from processing.recovery.replay import reading
from processing.recovery.replay.job import Replay
from processing.recovery.replay.reading import Chunk
from processing.replays import request
from processing.replays.request import ReplayRequest
from processing.stores.mongodb import documents
from processing.tests import expectations, factories, logic_revisions, replaying
from processing.tests.consumer_thread import running_loop
from processing.tests.logic_revisions import rule

pytestmark = pytest.mark.services

EVENTS = 24


def event(number: int, source: str) -> dict[str, Any]:
    return {"sourceId": source, "timestamp": f"2026-03-01T{number:02}:00:00Z", "payload": {"n": number}}


def send(site: Deployment, *sources: str) -> None:
    factories.put_events(site.raw_topic, *(event(n, source) for source in sources for n in range(EVENTS)))
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)


def doubled(**others: Any) -> int:
    return logic_revisions.use(
        rule("double", "set double = n * 2", when="n % 2 == 0"),
        rule("noise", "drop", when="n == 4"),
        rule("wrong", 'reject "five"', when="n == 5"),
        **others,
    )


def tagged() -> int:
    return logic_revisions.use(
        rule("double", "set double = n * 2", when="n % 2 == 0"), rule("odd", "tag odd", when="n % 3 == 0")
    )


def stored_rows() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT source_id, ts, id, payload::text, tags, payload_changed, revision, replay, partition, "offset"'
            " FROM events ORDER BY 1, 2, 3"
        )
        return list(cursor.fetchall())


def lose_and_rebuild() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events")
    rows.run(EventRange(), dry_run=False, progress=Progress())


def assert_agrees() -> None:
    report = reconcile.run()
    assert report.ok, report_text.render(report)


@pytest.fixture(name="replayed", scope="module")
def _replayed(module_site: Deployment) -> list[tuple[Any, ...]]:
    """Events under no logic and under a revision, replayed by others, whole and in part, forth and back; all rows.

    Each test loses or damages some and has to leave them as they were.
    """
    site = module_site
    send(site, "a", "b", "c")
    first = doubled()
    replaying.replay(first, sources=("a", "b"))
    second = tagged()
    send(site, "d")
    replaying.replay(second, sources=("b",), until=datetime(2026, 3, 1, 12, tzinfo=UTC))
    replaying.replay(0, sources=("a",), since=datetime(2026, 3, 1, 20, tzinfo=UTC))
    replaying.replay(first, sources=("d",), dry_run=True)
    send(site, "e")
    found = stored_rows()
    # What a replay leaves as it was keeps what made it.
    assert {(source, revision, number is not None) for source, *_, revision, number, _, _ in found} == {
        ("a", None, False), ("a", first, True), ("a", None, True),
        ("b", None, False), ("b", first, True), ("b", second, True),
        ("c", None, False), ("d", second, False), ("e", second, False),
    }  # fmt: skip
    return found


def test_lost_rows_come_back_as_the_replays_left_them(replayed: list[tuple[Any, ...]]) -> None:
    lose_and_rebuild()

    assert stored_rows() == replayed
    assert_agrees()


def test_damaged_rows_come_back_as_the_replays_left_them(replayed: list[tuple[Any, ...]]) -> None:
    Event.objects.filter(source_id__in=["a", "b", "d"]).update(payload={"n": -1}, tags=["forged"])

    repair.run(EventRange(), dry_run=False, progress=Progress())

    assert stored_rows() == replayed
    assert_agrees()


def test_events_that_lost_their_documents_too_come_back_from_kafka_as_the_replays_left_them(
    replayed: list[tuple[Any, ...]],
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events WHERE source_id IN ('a', 'b')")
    documents.database()["events"].delete_many({"source": {"$in": ["a", "b"]}})

    repair.run(EventRange(), dry_run=False, progress=Progress())

    assert stored_rows() == replayed
    assert_agrees()


def four_chunks(items: Iterator[Chunk], **_: object) -> Iterator[Chunk]:
    yield from islice(items, 4)


def test_a_replay_that_was_cancelled_counts_as_far_as_it_came(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(site, "a", "b", "c")
    for name in ("_ROWS", "_REMOVED"):
        monkeypatch.setattr(reading, name, getattr(reading, name).replace(f"LIMIT {reading.CHUNK}", "LIMIT 10"))
    monkeypatch.setattr(reading, "CHUNK", 10)
    monkeypatch.setattr(replay_job, "read_ahead", four_chunks)
    job = request.request(ReplayRequest(doubled()), who="test", worker=queue.new_worker())
    assert Replay().step(job) is not None
    Job.objects.filter(pk=job.pk).update(state=Job.State.CANCELLED)
    before = stored_rows()
    by_source = Counter((source, number) for source, *_, number, _, _ in before if number is not None)

    lose_and_rebuild()

    # Of `b` the first ten events, of which one was dropped, and one rejected.
    assert by_source == {("a", job.pk): 11, ("b", job.pk): 4}
    assert stored_rows() == before
    assert_agrees()


def test_events_that_came_after_a_replay_began_are_as_the_consumer_made_them(site: Deployment) -> None:
    send(site, "a")
    replaying.replay(doubled(), sources=("a",))
    tagged()
    late = {"sourceId": "a", "timestamp": "2026-03-01T06:30:00Z", "payload": {"n": 6}}
    factories.put_events(site.raw_topic, late)
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)
    before = stored_rows()

    lose_and_rebuild()

    assert stored_rows() == before
    assert Event.objects.get(ts=datetime(2026, 3, 1, 6, 30, tzinfo=UTC)).tags == ["odd"]
