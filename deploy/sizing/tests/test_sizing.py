"""Sizes are calculated from what docs/performance.md has."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from deploy.sizing import measured, page
from deploy.sizing.calculation import COPIES, DISK_USED, USED, Load, calculate
from deploy.sizing.measured import PAGE, Measured


@pytest.fixture(scope="module")
def known() -> Measured:
    return measured.read(PAGE.read_text())


def test_what_was_measured_is_read_from_its_tables(known: Measured) -> None:
    text = PAGE.read_text()

    parts = (known.arrays.ingest, known.arrays.consumer, known.arrays.kafka, known.arrays.postgresql)
    assert f"{', '.join(f'{part:g}' for part in parts)}, {known.arrays.mongodb:g} |" in text
    shape = known.shapes[10.0]
    assert f"| {shape.raw} | {shape.processed} | {shape.rows} | {shape.rollups} | {shape.documents} |" in text
    assert f"{1e6 / shape.consumer:,.0f} |" in text
    assert 0 < known.packed < 1


def test_a_page_without_a_table_is_an_error(known: Measured) -> None:
    with pytest.raises(ValueError, match="no table peers"):
        measured.read(re.sub("<!-- peers -->", "", PAGE.read_text()))
    with pytest.raises(ValueError, match="no marks"):
        page.replaced("# Scaling", known)


def test_twice_the_events_take_twice_as_much(known: Measured) -> None:
    once, twice = (calculate(Load(events), known) for events in (200_000, 400_000))

    assert twice.broker_disk == pytest.approx(2 * once.broker_disk)
    assert twice.postgres_disk == pytest.approx(2 * once.postgres_disk)
    assert twice.consumers in {2 * once.consumers, 2 * once.consumers - 1}
    assert twice.partitions >= 2 * twice.consumers


def test_half_of_a_core_carries_what_an_event_costs(known: Measured) -> None:
    cheap = replace(known, arrays=replace(known.arrays, ingest=10.0))

    # 10 µs of each of 100,000 events are a whole core.
    assert calculate(Load(100_000), cheap).receivers == 1 / USED
    assert calculate(Load(1), cheap).receivers == 2


def test_a_day_in_kafka_is_its_bytes_in_three_copies_on_three_brokers(known: Measured) -> None:
    found = calculate(Load(1_000, retained=1), known)

    shape = known.shapes[10.0]
    of_all = 1_000 * 86_400 * (shape.raw + shape.processed) * COPIES / DISK_USED / 1e9
    assert found.brokers * found.broker_disk == pytest.approx(of_all)


@pytest.mark.parametrize(
    ("gigabytes", "expected"), [(2, "2 GB"), (5_120, "5.1 TB"), (12.3, "12 GB"), (1.7e6, "1,700 TB")]
)
def test_sizes_have_two_digits_that_mean_something(gigabytes: float, expected: str) -> None:
    assert page.size(gigabytes) == expected


def test_a_page_whose_tables_were_changed_is_written_as_calculated(known: Measured) -> None:
    text = "before\n<!-- sizes -->\nold\n<!-- /sizes -->\nafter\n"

    written = page.replaced(text, known)

    assert written == f"before\n<!-- sizes -->\n{page.tables(known)}<!-- /sizes -->\nafter\n"
    assert page.replaced(written, known) == written
