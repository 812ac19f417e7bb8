"""`manage.py partitions grow`: more partitions, while nothing is on its way."""

from __future__ import annotations

import pytest

from deploy.testing.deployment import Deployment
from ingestion.tests import topic
from ingestion.tests.client import numbered, post
from processing.kafka.administration.topic_partitions import TopicPartitions
from processing.kafka.end_offsets import TopicOffsets
from processing.tests import expectations, factories
from processing.tests.commands import run_command, run_json
from processing.tests.faults.loss_report import out_of_order

pytestmark = pytest.mark.services

SOURCES = [f"sensor-{number}" for number in range(12)]
EACH = 20  # events of a source


def send(url: str, first: int) -> None:
    for source in SOURCES:
        events = [{**event, "payload": {"n": first + n}} for n, event in enumerate(numbered(EACH, source))]
        assert post(url, events).status == 202


def in_partitions(name: str) -> list[tuple[str, str, int]]:
    """Every event of a topic with its number, by its source and partition."""
    return [
        (f"{line['source']} in {record.partition}", line["id"], line["payload"]["n"])
        for record in topic.kept(name)
        for line in record.lines
    ]


def partitions(site: Deployment) -> int:
    return len(site.raw_ends())


def test_more_partitions_keep_the_order_of_each_source(site: Deployment) -> None:
    ingest, consumer = site.start_ingest(), site.start_consumer()
    send(ingest.url, 0)
    ingest.stop()

    found = run_json("partitions", "grow", "12")
    consumer.stop()
    site.start_consumer()
    send(site.start_ingest().url, EACH)
    site.wait_for(lambda: expectations.caught_up(site))

    assert found["grown"] == [
        {"topic": site.raw_topic, "before": 6, "after": 12},
        {"topic": site.processed_topic, "before": 6, "after": 12},
    ]
    stored = expectations.query(site, "SELECT source_id, id::text, (payload->>'n')::int FROM events ORDER BY stored")
    assert len(stored) == 2 * EACH * len(SOURCES)
    later = [(source, id_, n) for source, id_, n in stored if n >= EACH]
    # Whatever was sent before the change was stored before all that came after it.
    assert stored[-len(later) :] == later
    for name in (site.raw_topic, site.processed_topic):
        assert out_of_order(in_partitions(name)) == []
    assert {record.partition for record in topic.kept(site.raw_topic)} - set(range(6))
    assert expectations.differences() == []
    # Again: nothing is left to do, and no topic shrinks.
    assert run_json("partitions", "grow", "12")["grown"] == []
    assert "can't remove any" in run_command("partitions", "grow", "6", code=2).stderr


def test_nothing_changes_while_a_receiver_runs_or_records_wait(site: Deployment) -> None:
    ingest = site.start_ingest()
    send(ingest.url, 0)

    running = run_command("partitions", "grow", "12", "--wait", "1", code=1)
    ingest.stop()
    waiting = run_command("partitions", "grow", "12", "--wait", "1", code=1)
    dry = run_json("partitions", "grow", "12", "--dry-run")

    assert "Receivers run and may accept events: stop ingest (" in running.stderr
    assert f" in {site.raw_topic}/" in waiting.stderr
    assert dry["grown"] != []
    assert partitions(site) == 6


def test_a_record_that_comes_in_while_partitions_are_added_is_told(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = TopicPartitions.add

    def adding(self: TopicPartitions, name: str, *, total: int) -> TopicOffsets:
        factories.put(site.raw_topic, b"{}", partition=3, headers=[])
        return add(self, name, total=total)

    monkeypatch.setattr(TopicPartitions, "add", adding)

    told = run_command("partitions", "grow", "7", code=1)

    assert f"Records came into {site.raw_topic} while partitions were added, of 3:" in told.stderr
    assert partitions(site) == 7
