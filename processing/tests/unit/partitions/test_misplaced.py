"""Records that do not continue progress are told from those that come again, or follow offsets without a record."""

from __future__ import annotations

from processing.events.batch import Record
from processing.events.positions import ReadUpTo
from processing.partitions import misplaced
from processing.tests.factories import NOON


def read(offset: int, *, begins: int, epoch: int = 5, partition: int = 0) -> Record:
    return Record(partition, offset, NOON, b"", [], begins, epoch)


def test_records_from_progress_on_and_those_that_come_again_are_in_place() -> None:
    records = [read(8, begins=8), read(9, begins=9), read(10, begins=10)]

    assert misplaced.find(records, {0: ReadUpTo(8, 5)}) == {}
    assert misplaced.find(records, {0: ReadUpTo(10, 5)}) == {}
    assert misplaced.find(records, {0: ReadUpTo(8, 4)}) == {}
    assert misplaced.find(records, {0: ReadUpTo(8, -1)}) == {}


def test_offsets_that_hold_no_record_are_no_jump() -> None:
    assert misplaced.find([read(12, begins=8)], {0: ReadUpTo(8, 5)}) == {}


def test_a_batch_that_begins_above_progress_names_what_is_gone() -> None:
    records = [read(12, begins=12, partition=1), read(3, begins=3, partition=2)]

    found = misplaced.find(records, {1: ReadUpTo(8, 5), 2: ReadUpTo(3, 5)})

    assert list(found) == [1]
    assert "the effects of records 8 to 11" in found[1]


def test_a_partition_without_progress_has_lost_all_of_it() -> None:
    assert "records 0 to 11" in misplaced.find([read(12, begins=12)], {})[0]


def test_a_later_leaders_record_below_progress_is_another_record() -> None:
    records = [read(8, begins=8), read(9, begins=9, epoch=6)]

    assert "another record at 9" in misplaced.find(records, {0: ReadUpTo(20, 5)})[0]


def test_an_earlier_leaders_record_at_progress_is_lost_in_kafka() -> None:
    assert "has lost record 8" in misplaced.find([read(8, begins=8, epoch=5)], {0: ReadUpTo(8, 7)})[0]


def test_records_of_unknown_origin_are_not_compared() -> None:
    unknown = Record(0, 12, NOON, b"", [])

    assert misplaced.find([unknown], {0: ReadUpTo(8, 7)}) == {}
