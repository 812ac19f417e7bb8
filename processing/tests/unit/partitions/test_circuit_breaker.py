"""When a partition's dead letters are too many."""

from __future__ import annotations

import pytest

from ingestion.kafka.record_headers import REDRIVE_OF, Headers
from processing.events.batch import Batch, Letter, Record
from processing.events.entries import Entries
from processing.partitions.circuit_breaker import COUNTED_SOURCES, CircuitBreaker, LimitExceeded
from processing.partitions.outcome_window import Window
from processing.tests.factories import NOON, make_entry, make_sent


def outcomes(text: str, *, first: int = 0, lines: int = 1, headers: Headers | None = None) -> Batch:
    """A batch of partition 0, a character for each event: `.` is good, `x` a dead letter."""
    batch, entries = Batch(records=[]), []
    for number, character in enumerate(text):
        offset, line = first + number // lines, number % lines
        if line == 0:
            batch.records.append(Record(0, offset, NOON, b"", headers or []))
        if character == "x":
            batch.letters.append(Letter(0, offset, line, b"", "not_json", "", "", "decode", "", None, NOON))
        else:
            entries.append(make_entry(make_sent(number, payload={}), place=(0, offset, line)))
    batch.entries = Entries.of(entries)
    batch.read["", 0, 0] = len(text)
    return batch


def follow(breaker: CircuitBreaker, *texts: str) -> list[LimitExceeded]:
    """The trips of batches one after the other."""
    trips: list[LimitExceeded] = []
    first = 0
    for text in texts:
        update = breaker.evaluate(outcomes(text, first=first))
        breaker.adopt(update)
        trips += update.trips.values()
        first += len(text)
    return trips


def test_two_hundred_in_a_row_trip_at_the_record_of_the_last_however_they_are_batched() -> None:
    whole = follow(CircuitBreaker(), "." * 10 + "x" * 300)
    parts = follow(CircuitBreaker(), "." * 10 + "x" * 150, "x" * 50)

    assert whole == parts == [LimitExceeded(209, "200 events in a row became dead letters")]


def test_a_good_event_between_breaks_the_row() -> None:
    assert follow(CircuitBreaker(), "x" * 199 + ".", "x" * 199) == []


def test_more_than_a_fifth_of_a_full_window_trips() -> None:
    assert follow(CircuitBreaker(), "...." * 100 + "x...." * 100, "x...." * 200) == []
    [trip] = follow(CircuitBreaker(), "x..." * 300)
    assert trip.reason == "250 of the last 1,000 events became dead letters"
    assert trip.offset == 1_000


def test_one_in_a_hundred_never_trips() -> None:
    assert follow(CircuitBreaker(), *["." * 99 + "x"] * 1_000) == []


def test_what_is_long_ago_is_forgotten() -> None:
    assert follow(CircuitBreaker(), "x" * 199, "." * 1_000, "x...." * 39, "." * 1_000, "x" * 199) == []


@pytest.mark.parametrize(
    ("text", "offset"), [("x" * 400, 1), ("." * 50 + "x" * 350, 2), ("x" * 99 + "." + "x" * 300, 2)]
)
def test_a_record_of_many_lines_is_kept_whole(text: str, offset: int) -> None:
    update = CircuitBreaker().evaluate(outcomes(text, lines=100))

    assert update.trips[0].offset == offset


def test_redriven_letters_and_those_below_the_lenient_offset_do_not_count() -> None:
    redriven = CircuitBreaker().evaluate(outcomes("x" * 500, headers=[(REDRIVE_OF, b"7")]))
    breaker = CircuitBreaker()
    breaker.start(0, lenient_until=300)

    assert redriven.trips == {}
    assert breaker.evaluate(outcomes("x" * 600)).trips[0].offset == 499


def test_a_batch_that_rolls_back_counts_for_nothing() -> None:
    breaker = CircuitBreaker()

    for _ in range(3):
        assert breaker.evaluate(outcomes("x" * 150)).trips == {}


def test_starting_anew_forgets_everything() -> None:
    breaker = CircuitBreaker()
    follow(breaker, "x" * 199)

    breaker.start(0, lenient_until=0)

    assert breaker.evaluate(outcomes("x" * 199)).trips == {}


def test_a_window_holds_no_more_than_its_size() -> None:
    window = Window()

    window.add_good(5_000)
    window.add_bad("", 201)

    assert window.trip == "201 events in a row became dead letters"
    assert sum(count for _, count in window._runs) == 1_000


def of_sources(*outcomes: tuple[str, bool], first: int = 0) -> Batch:
    """A batch of partition 0, a record for each event: its source, and whether it is a dead letter."""
    batch, entries = Batch(records=[]), []
    for offset, (source, bad) in enumerate(outcomes, start=first):
        batch.records.append(Record(0, offset, NOON, b"", []))
        batch.read[source, 0, 0] += 1
        if bad:
            batch.letters.append(Letter(0, offset, 0, b"", "id_conflict", "", "", "identity", source, None, NOON))
        else:
            entries.append(make_entry(make_sent(offset, source=source, payload={}), place=(0, offset, 0)))
    batch.entries = Entries.of(entries)
    return batch


def test_one_source_that_spoils_is_set_aside_and_its_partition_goes_on() -> None:
    update = CircuitBreaker().evaluate(of_sources(*[("spoiler", True)] * 5_000))

    assert update.trips == {}
    assert update.failing == {"spoiler": "200 events in a row became dead letters"}


def test_the_good_events_of_neighbours_neither_hide_a_source_that_spoils_nor_suffer_from_it() -> None:
    breaker = CircuitBreaker()
    mixed = [("spoiler", True), ("neighbour", False), ("other", False)]

    first = breaker.evaluate(of_sources(*mixed * 150))
    breaker.adopt(first)
    second = breaker.evaluate(of_sources(*mixed * 50, first=450))

    assert (first.failing, first.trips) == ({}, {})
    assert (set(second.failing), second.trips) == ({"spoiler"}, {})


def test_good_events_of_a_source_between_its_batches_break_its_row() -> None:
    breaker = CircuitBreaker()
    for outcomes in ([("one", True)] * 150, [("one", False)], [("one", True)] * 150):
        update = breaker.evaluate(of_sources(*outcomes))
        breaker.adopt(update)
        assert update.failing == {}


def test_a_source_of_which_more_than_a_fifth_spoils_is_set_aside() -> None:
    update = CircuitBreaker().evaluate(of_sources(*[("one", True), ("one", False), ("one", False)] * 400))

    assert set(update.failing) == {"one"}
    assert update.trips == {}


def test_many_sources_that_fail_at_once_hold_the_partition() -> None:
    nine = [(f"source-{number % 9}", True) for number in range(1_900)]
    ten = [(f"source-{number % 10}", True) for number in range(1_900)]

    assert CircuitBreaker().evaluate(of_sources(*nine)).trips == {}
    assert CircuitBreaker().evaluate(of_sources(*ten)).trips == {
        0: LimitExceeded(199, "200 events in a row became dead letters")
    }


def test_the_sources_that_are_counted_are_bounded() -> None:
    breaker = CircuitBreaker()
    for number in range(COUNTED_SOURCES + 500):
        breaker.adopt(breaker.evaluate(of_sources((f"source-{number}", True), ("good", False), first=2 * number)))

    assert len(breaker._sources[0]) == COUNTED_SOURCES


def test_a_source_is_no_longer_counted_once_its_window_is_clean() -> None:
    breaker = CircuitBreaker()

    breaker.adopt(breaker.evaluate(of_sources(("one", True))))
    breaker.adopt(breaker.evaluate(of_sources(*[("one", False)] * 1_000)))

    assert breaker._sources[0] == {}
