"""Partitions of the table of events exist before they are needed, whichever process creates them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import pytest

from deploy.testing.deployment import Deployment
from processing.stores import month_partitions, postgres

EPOCH = date(1970, 1, 1)


def month(year: int, number: int) -> datetime:
    return datetime(year, number, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "start"),
    [
        (date(2010, 1, 1), month(2010, 1)),
        (date(2024, 2, 29), month(2024, 2)),
        (date(2026, 11, 30), month(2026, 11)),
        (date(2026, 12, 1), month(2026, 12)),
        (date(9998, 12, 31), month(9998, 12)),
    ],
)
def test_a_day_belongs_to_its_month(day: date, start: datetime) -> None:
    assert month_partitions.months([(day - EPOCH).days]) == {start}


@pytest.mark.parametrize("day", [date(1969, 12, 31), EPOCH, date(2009, 12, 31)])
def test_what_is_older_than_2010_needs_no_partition_of_its_own(day: date) -> None:
    assert month_partitions.months([(day - EPOCH).days]) == set()


def test_days_of_several_months_need_each_once() -> None:
    days = [(day - EPOCH).days for day in (date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28), date(2005, 1, 1))]

    assert month_partitions.months(days) == {month(2026, 1), month(2026, 2)}


@pytest.mark.services
def test_each_instant_of_a_month_has_its_partition(site: Deployment) -> None:
    with postgres.connect() as connection:
        month_partitions.ensure(connection, [month(2026, 12), month(2027, 1)])
        month_partitions.ensure(connection, [month(2026, 12)])

        places = [
            (connection.execute(INSERT, [at]).fetchone() or [None])[0]
            for at in ("1969-06-01Z", "2026-12-01Z", "2026-12-31T23:59:59.999999Z", "2027-01-01Z")
        ]

    assert places == ["events_before_2010", "events_2026_12", "events_2026_12", "events_2027_01"]


@pytest.mark.services
def test_two_consumers_that_make_the_same_months_at_once_both_succeed(site: Deployment) -> None:
    wanted = [month(2030 + year, number) for year in range(2) for number in range(1, 13)]
    together = Barrier(2)

    def make(_: int) -> None:
        with postgres.connect() as connection:
            together.wait(10)
            for start in wanted:
                month_partitions.ensure(connection, [start])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make, range(2)))

    with postgres.connect() as connection:
        row = connection.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass").fetchone()
    assert row == (1 + len(wanted),)


INSERT = """
INSERT INTO events (source_id, ts, id, received, stored, payload, content_hash, "offset", partition, line, topic_id)
VALUES ('s', %s, gen_random_uuid(), now(), now(), '{}', 0, 0, 0, 0, 1) RETURNING tableoid::regclass::text
"""
