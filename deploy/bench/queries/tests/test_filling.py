"""The filled stores hold what a consumer and packing would have left there, so that what is measured on them is true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from deploy.bench.queries.filling import fill
from deploy.bench.queries.filling.history import History
from deploy.testing.deployment import Deployment
from ingestion.events.parser import parse_event
from ingestion.events.timestamps import EPOCH, MICROSECOND
from processing.recovery.reconcile import reconcile
from processing.stores.packed import packing
from processing.stores.packed.rollups import BOTH, KEY, VALUES, Rollups

HISTORY = History(rows=20_000, days=12, now=datetime.now(UTC), quiet=20)
EVERY_MINUTE = History(rows=20_000, days=3, now=HISTORY.now, busy=2, quiet=0)


def test_the_events_are_those_that_a_receiver_would_have_made_of_them() -> None:
    entry = HISTORY.events(HISTORY.dates[7])[11]

    stamp = (EPOCH + entry.ts * MICROSECOND).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    text = b'{"sourceId":"%b","timestamp":"%b","payload":%b}' % (entry.source.encode(), stamp.encode(), entry.payload)
    event = parse_event(text, now=entry.received)

    assert (event.id, event.ts, event.payload) == (entry.text, entry.ts, entry.payload)
    assert entry.key.hex().startswith(event.id.replace("-", ""))


@pytest.mark.parametrize("history", [HISTORY, EVERY_MINUTE], ids=["days", "minutes"])
def test_a_history_has_its_number_of_events_up_to_now_and_the_same_each_time(history: History) -> None:
    days = [history.events(day) for day in history.dates]
    times = [ts for day in days for ts in day.times]
    received = [moment for day in days for moment in day.received]

    assert len(times) == pytest.approx(history.rows, rel=0.01)
    assert times == sorted(times)
    assert history.begins <= EPOCH + times[0] * MICROSECOND < history.begins + timedelta(days=1)
    assert history.now - timedelta(minutes=30) < EPOCH + max(received) * MICROSECOND <= history.now
    assert history.events(history.dates[1]).keys == days[1].keys


@pytest.fixture(name="filled", scope="module")
def _filled(module_site: Deployment) -> Deployment:
    fill_site(module_site, HISTORY)
    return module_site


def fill_site(site: Deployment, history: History) -> None:
    servers = site.servers
    address = servers.postgres.conninfo(site.name)
    fill.fill(history, postgres=address, mongo=servers.mongo.uri, name=site.name, workers=2)


@pytest.mark.services
def test_a_recount_of_the_filled_stores_finds_no_difference(filled: Deployment) -> None:
    report = reconcile.run()

    assert report.kinds == {}, report.differences[:3]
    assert report.recounted["postgresql"]["rows"] == pytest.approx(HISTORY.rows, rel=0.01)


@pytest.mark.services
def test_the_newest_rollups_are_loose_and_all_others_packed(filled: Deployment) -> None:
    with filled.servers.postgres.connect(filled.name) as connection:
        for rollups in BOTH:
            [(loose, oldest)] = connection.execute(f"SELECT count(*), min(start) FROM {rollups.loose}").fetchall()
            [(packed, newest)] = connection.execute(
                f"SELECT count(*), max(start) FROM ({rollups.unpacked(rollups.packed)}) AS r"
            ).fetchall()

            assert 0 < loose < packed
            assert newest < HISTORY.now - timedelta(hours=5) <= oldest


@pytest.mark.services
@pytest.mark.parametrize(
    "history", [pytest.param(HISTORY, marks=pytest.mark.thorough, id="days"), pytest.param(EVERY_MINUTE, id="minutes")]
)
def test_the_packed_rows_are_those_that_packing_makes(site: Deployment, history: History) -> None:
    fill_site(site, history)
    with site.servers.postgres.connect(site.name) as connection, connection.cursor() as cursor:
        for rollups in BOTH:
            cursor.execute(f"CREATE TEMP TABLE filled AS TABLE {rollups.packed}")
            loose = unpack(cursor, rollups)

            pack(connection, cursor, rollups)

            difference = (
                f"(TABLE filled EXCEPT TABLE {rollups.packed}) UNION ALL (TABLE {rollups.packed} EXCEPT TABLE filled)"
            )
            assert cursor.execute(difference).fetchall() == []
            assert loose > 300
            cursor.execute("DROP TABLE filled")


def unpack(cursor: psycopg.Cursor, rollups: Rollups) -> int:
    """Make loose rows of the packed ones, and nothing else; return their number."""
    cursor.execute(f"TRUNCATE {rollups.packed}, {rollups.loose}")
    values = f"{KEY}, {', '.join(VALUES)}"
    cursor.execute(f"INSERT INTO {rollups.loose} ({values}) SELECT {values} FROM ({rollups.unpacked('filled')}) AS r")
    return cursor.rowcount


def pack(connection: psycopg.Connection, cursor: psycopg.Cursor, rollups: Rollups) -> None:
    after, taken = None, 1
    while taken:
        with connection.transaction():
            taken, after = packing.pack(cursor, rollups, after=after, before=HISTORY.now, limit=20_000)
