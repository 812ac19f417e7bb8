"""Packed rollups: the same numbers as loose ones, whatever comes late, early or at the same time."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from deploy.testing.deployment import Deployment
from ingestion.events import timestamps
from processing.stores import postgres, row_sql
from processing.stores.packed import packing
from processing.stores.packed.rollups import BOTH, HOURS, MINUTES, Rollups
from processing.tests import expectations, reference_rollups
from processing.tests.reference_rollups import HOUR, MINUTE, Sent

pytestmark = pytest.mark.services

# Around the beginning of a day, of a month, and of the epoch.
BEGINNINGS = [datetime(2026, 3, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
EVERYTHING = datetime(2090, 1, 1, tzinfo=UTC)
_STAGE = (
    "INSERT INTO staged_span (hourly, source_id, field, start, count, sum, min, max, first, first_ts, first_id, last,"
    " last_ts, last_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


@pytest.fixture(name="stored")
def _stored(site: Deployment) -> Iterator[psycopg.Connection]:
    with postgres.connect() as connection:
        yield connection


def events(rng: random.Random, count: int) -> list[Sent]:
    def moment() -> int:
        begin = timestamps.to_micros(rng.choice(BEGINNINGS))
        # Many in the same minutes, some at the same time.
        return begin + rng.choice((-1, 1)) * rng.randrange(40) * 17 * MINUTE + rng.choice((0, 1, rng.randrange(MINUTE)))

    def payload() -> dict[str, float]:
        names = rng.sample(["level", "load", "x"], rng.randint(1, 3))
        return {name: rng.choice((0.0, 1.5, 1e308, -1e308, rng.uniform(-9, 9))) for name in names}

    return [
        Sent(rng.choice(["a", "b", "ä"]), str(UUID(int=rng.getrandbits(128))), moment(), payload())
        for _ in range(count)
    ]


def roll_up(connection: psycopg.Connection, found: Iterable[Sent]) -> None:
    """Add events to the rollups as a consumer's batch does."""
    batch = list(found)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(row_sql.STAGING, prepare=False)
        for hourly, span in ((False, MINUTE), (True, HOUR)):
            for (source, field, start), one in reference_rollups.rollups(batch, span=span).items():
                first, last = (timestamps.from_micros(each) for each in (one.first_ts, one.last_ts))
                limited = max(-1.7976931348623157e308, min(one.sum, 1.7976931348623157e308))
                values = (
                    one.count,
                    limited,
                    one.min,
                    one.max,
                    one.first,
                    first,
                    one.first_id,
                    one.last,
                    last,
                    one.last_id,
                )
                cursor.execute(_STAGE, (hourly, source, field, timestamps.from_micros(start), *values))
        cursor.execute(row_sql.FOLD_SPANS, prepare=False)


def pack(connection: psycopg.Connection, rollups: Rollups, *, limit: int, before: datetime = EVERYTHING) -> int:
    """Pack all, a few rows in each transaction; return how many."""
    packed, after = 0, None
    while True:
        with connection.transaction(), connection.cursor() as cursor:
            taken, last = packing.pack(cursor, rollups, after=after, before=before, limit=limit)
        if last is None:
            return packed
        packed, after = packed + taken, last


def count(connection: psycopg.Connection, table: str) -> int:
    [(found,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(found)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in (1, 2))])
def test_packing_changes_no_number_whatever_comes_late(
    site: Deployment, stored: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(packing, "MOST_DAYS", rng.choice((1, 3, 200)))
    sent: list[Sent] = []
    for _ in range(4):
        batch = events(rng, 60)
        sent += batch
        roll_up(stored, batch)
        for rollups, span in ((MINUTES, MINUTE), (HOURS, HOUR)):
            expected = expectations.rollups(site, rollups)
            pack(stored, rollups, limit=rng.choice((1, 7, 1_000)))

            # An overflowed sum depends on the order, so what was stored is the measure of it.
            found = expectations.rollups(site, rollups)
            expectations.assert_agree(found, expected)
            reference = reference_rollups.rollups(sent, span=span)
            assert found.keys() == reference.keys()
            for key, one in reference.items():
                assert (found[key].count, found[key].min, found[key].max) == (one.count, one.min, one.max)
                assert (found[key].first_id, found[key].last_id) == (one.first_id, one.last_id)
            assert count(stored, rollups.loose) == 0


def test_a_reader_of_some_values_adds_loose_and_packed_rows_up(site: Deployment, stored: psycopg.Connection) -> None:
    rng = random.Random(5)
    sent = events(rng, 100)
    roll_up(stored, sent[:70])
    pack(stored, MINUTES, limit=50)
    roll_up(stored, sent[70:])

    found = stored.execute(
        f"SELECT source_id, field, start, sum(count)::int, max(max) FROM ({MINUTES.read(('count', 'max'))}) AS r"
        " GROUP BY 1, 2, 3"
    ).fetchall()

    assert 0 < count(stored, MINUTES.loose) < len(found)
    assert {(source, field, timestamps.to_micros(start)): rest for source, field, start, *rest in found} == {
        key: [one.count, one.max] for key, one in reference_rollups.rollups(sent, span=MINUTE).items()
    }


def test_what_is_new_stays_loose(stored: psycopg.Connection) -> None:
    rng = random.Random(6)
    roll_up(stored, events(rng, 100))
    [(median,)] = stored.execute(
        "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY start) FROM rollup_minute"
    ).fetchall()

    pack(stored, MINUTES, limit=7, before=median)

    assert stored.execute("SELECT min(start) FROM rollup_minute").fetchall() == [(median,)]
    newest = f"SELECT max(start) < %s FROM ({MINUTES.unpacked(MINUTES.packed)}) AS p"
    assert stored.execute(newest, [median]).fetchall() == [(True,)]


def test_a_minute_with_one_event_takes_its_first_value_and_its_slot_alone(stored: psycopg.Connection) -> None:
    roll_up(stored, [Sent("a", str(UUID(int=1)), timestamps.to_micros(BEGINNINGS[0] + timedelta(hours=7)), {"x": 2.5})])

    for rollups in BOTH:
        pack(stored, rollups, limit=7)

    packed = "SELECT slot, first, count, sum, min, max, last, last_ts, last_id FROM {}"
    nothing = (None,) * 7
    assert stored.execute(packed.format(MINUTES.packed)).fetchall() == [([420], [2.5], *nothing)]
    assert stored.execute(packed.format(HOURS.packed)).fetchall() == [([7], [2.5], *nothing)]


def test_consumers_that_write_meanwhile_neither_wait_for_long_nor_lose_anything(
    site: Deployment, stored: psycopg.Connection
) -> None:
    rng = random.Random(7)
    batches = [events(rng, 40) for _ in range(60)]
    roll_up(stored, batches[0])
    done = threading.Event()

    def pack_on() -> None:
        with postgres.connect() as connection:
            while not done.is_set():
                for rollups in BOTH:
                    pack(connection, rollups, limit=25)

    packers = [threading.Thread(target=pack_on) for _ in range(2)]
    for thread in packers:
        thread.start()
    try:
        for batch in batches[1:]:
            roll_up(stored, batch)
    finally:
        done.set()
        for thread in packers:
            thread.join()

    sent = [event for batch in batches for event in batch]
    for rollups, span in ((MINUTES, MINUTE), (HOURS, HOUR)):
        found = expectations.rollups(site, rollups)
        reference = reference_rollups.rollups(sent, span=span)
        assert {key: one.count for key, one in found.items()} == {key: one.count for key, one in reference.items()}
        assert {key: one.last_id for key, one in found.items()} == {key: one.last_id for key, one in reference.items()}
        assert count(stored, rollups.packed) > 0
