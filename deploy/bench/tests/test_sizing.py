"""The sizing counts what a load adds, and its events are those that it names."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from deploy.bench.load import events as load
from deploy.bench.sizing import disk, measurement, sizes
from deploy.bench.sizing.shapes import NORMAL, Shape, make_events
from ingestion.events import timestamps
from ingestion.events.parser import parse_event


@pytest.mark.parametrize("shape", measurement.SHAPES, ids=lambda shape: shape.name)
def test_the_events_have_the_sources_fields_and_times_of_their_shape(shape: Shape) -> None:
    count = 2 * shape.sources
    texts = list(make_events(count, shape))
    events = [json.loads(text) for text in texts]

    assert len({parse_event(text, now=timestamps.now()).id for text in texts}) == count
    assert len({event["sourceId"] for event in events}) == shape.sources
    assert {len(event["payload"]) for event in events} == {shape.fields}
    first, second = (datetime.fromisoformat(event["timestamp"]) for event in events[:: shape.sources])
    assert second - first == timedelta(seconds=shape.every)
    assert datetime.fromisoformat(events[-1]["timestamp"]) <= datetime.now(UTC)


def test_the_usual_shape_sends_what_the_other_measurements_send() -> None:
    usual = [json.loads(text)["payload"] for text in make_events(200, Shape(100, NORMAL, 0.1))]

    assert usual == [json.loads(text)["payload"] for text in load.make_events(200, prefix="sensor")]


def test_events_that_stand_for_months_were_received_at_their_times() -> None:
    pairs = list(disk._lines(400))

    assert all(json.loads(line)["received"] == json.loads(line)["ts"] == event.ts for event, line in pairs)
    assert pairs[200][0].ts - pairs[0][0].ts == 300_000_000


def test_a_table_counts_for_what_it_holds() -> None:
    names = ("events", "events_before_2010", "rollup_minute", "rollup_hour", "ledger_minute", "latest_value")

    assert [sizes.group(name) for name in names] == [
        *("events", "events", "rollups", "rollups", "ledger", sizes.OTHERS),
    ]


def test_what_was_there_before_does_not_count() -> None:
    before = {"raw topic": 100, **dict.fromkeys(sizes.TABLES, 8_192)}
    after = {"raw topic": 1_100, **dict.fromkeys(sizes.TABLES, 8_192), "events": 28_192, "rollups": 18_192}
    growth = measurement.grown(before, after)

    bytes_an_event = measurement.per_event(growth, 10)
    rows = measurement.per_row(growth, {"rollups": 50, "ledger": 0}, 10)

    assert bytes_an_event["B/event raw topic"] == 100
    assert bytes_an_event["B/event events"] == 2_000
    assert bytes_an_event["B/event PostgreSQL in all"] == 3_000
    assert rows == {"rows/event rollups": 5, "B/row rollups": 200, "rows/event ledger": 0, "B/row ledger": 0}
