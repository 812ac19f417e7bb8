"""Rows packed by hand are read back as they were meant."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pytest

from ingestion.events.model import INT64_MAX, INT64_MIN
from ingestion.events.timestamps import EPOCH
from processing.events.batch import MINUTE
from processing.events.entries import Entry
from processing.events.ledger_deltas import LedgerDelta
from processing.events.rollups import Span
from processing.stores import copy_encoder, row_sql
from processing.stores.row_store import RowStore
from processing.tests.factories import NOON, event_id, make_entry, make_sent

# What they write is undone, or in tables of their connection alone.
pytestmark = [pytest.mark.services, pytest.mark.usefixtures("module_site")]

LAST = 253_370_764_799_999_999  # the last microsecond of 9998
PAYLOADS: list[bytes] = [
    b"{}",
    b'{"":""}',
    b'{ "a" : [ ] }',
    '{"é":"日本 \\u0001 😀 \\" \\\\"}'.encode(),
    b'{"low":%d,"high":%d}' % (INT64_MIN, INT64_MAX),
    b'{"deep":' + b"[" * 31 + b"]" * 31 + b"}",
    b'{"long":"' + b"x" * 250_000 + b'"}',
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_payload_is_read_back_equal(payload: bytes) -> None:
    entry = make_entry(make_sent(1, payload=json.loads(payload)), text=payload)

    assert [row["payload"] for row in written([entry])] == [json.loads(payload)]


def test_decimals_are_read_back_as_the_nearest_double() -> None:
    text = b'{"large":1.7976931348623157e308,"small":5e-324,"third":0.3333333333333333,"minus":-0.0}'
    entry = make_entry(make_sent(1, payload=json.loads(text)), text=text)

    [row] = written([entry])

    assert {name: float(value) for name, value in row["payload"].items()} == json.loads(text)


@pytest.mark.parametrize("ts", [0, 1, 946_684_800_000_000, 946_684_799_999_999, NOON + 123_456, LAST])
def test_a_time_is_read_back_to_the_microsecond(ts: int) -> None:
    entry = make_entry(make_sent(1, ts=ts, payload={}))

    [row] = written([entry])
    assert row["ts"] == ts


def test_every_other_column_is_read_back() -> None:
    source = "s" * 128
    entry = make_entry(make_sent(1, source=source, payload={}), place=(5, 2**62, 999))
    entry.hash = INT64_MIN

    [row] = written([entry], stored=NOON + 1, topic=32_767)

    assert row == {
        "source_id": source, "ts": NOON, "id": event_id(1), "received": NOON, "stored": NOON + 1, "payload": {},
        "content_hash": INT64_MIN, "offset": 2**62, "partition": 5, "line": 999, "topic_id": 32_767,
    }  # fmt: skip


def test_sums_are_read_back_exactly() -> None:
    span = Span(2**62, 1e308, INT64_MIN, INT64_MAX, 5e-324, 0, b"\0" * 16, -math.inf, LAST, b"\xff" * 16)
    minute, hour = NOON // MINUTE, NOON // MINUTE // 60
    store = RowStore()

    with store.transaction():
        store._copy(
            row_sql.COPY_SPANS, copy_encoder.spans({("s", minute): {"é.\\.": span}}, {("s", hour): {"f": span}})
        )
        found = store.connection.execute("SELECT * FROM staged_span ORDER BY hourly").fetchall()
    store.close()

    start = EPOCH + timedelta(microseconds=NOON)
    assert [row[:4] for row in found] == [(False, "s", "é.\\.", start), (True, "s", "f", start)]
    for row in found:
        assert row[4:9] == (2**62, 1e308, float(INT64_MIN), float(INT64_MAX), 5e-324)
        assert (row[9], row[10].int, row[11]) == (EPOCH, 0, -math.inf)
        assert (row[12], row[13].int) == (EPOCH + timedelta(microseconds=LAST), 2**128 - 1)


def test_a_ledger_row_without_a_stored_event_has_no_latest_one() -> None:
    gains = {
        ("", NOON // MINUTE, 3): LedgerDelta(NOON, NOON + 1, read=1, dead_lettered=1),
        ("s", NOON // MINUTE, 3): LedgerDelta(NOON, NOON, read=6, stored=1, duplicate=2, dropped=3, latest_event=0),
    }
    store = RowStore()

    with store.transaction():
        store._copy(row_sql.COPY_LEDGER, copy_encoder.ledger(gains))
        found = store.connection.execute("SELECT * FROM staged_ledger ORDER BY source_id").fetchall()
    store.close()

    start, later = EPOCH + timedelta(microseconds=NOON), EPOCH + timedelta(microseconds=NOON + 1)
    assert found == [
        ("", start, 3, 1, 0, 0, 1, 0, start, later, None),
        ("s", start, 3, 6, 1, 2, 0, 3, start, start, EPOCH),
    ]


def written(entries: list[Entry], *, stored: int = NOON, topic: int = 1) -> list[dict[str, Any]]:
    """Write rows by way of staging and read them as any other client would."""
    store = RowStore()
    with store.transaction(undo=True):
        store._copy(row_sql.COPY_STAGED_EVENTS, copy_encoder.events(entries, stored=stored, topic=topic))
        cursor = store.connection.execute(f"SELECT {copy_encoder.EVENT_COLUMNS} FROM staged_event")
        names = [column.name for column in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    store.close()
    for row in found:
        for name in ("ts", "received", "stored"):
            row[name] = (row[name] - EPOCH) // timedelta(microseconds=1)
        row["id"] = str(row["id"])
    return found
