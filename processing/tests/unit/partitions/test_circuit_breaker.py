"""When a partition's dead letters are too many."""

from __future__ import annotations

import pytest

from ingestion.kafka.record_headers import REDRIVE_OF, Headers
from processing.events.batch import Batch, Letter, Record
from processing.partitions.circuit_breaker import CircuitBreaker, LimitExceeded, Window
from processing.tests.factories import NOON, make_entry, make_sent


def outcomes(text: str, *, first: int = 0, lines: int = 1, headers: Headers | None = None) -> Batch:
    """A batch of partition 0, a character for each event: `.` is good, `x` a dead letter."""
    batch = Batch(records=[])
    for number, character in enumerate(text):
        offset, line = first + number // lines, number % lines
        if line == 0:
            batch.records.append(Record(0, offset, NOON, b"", headers or []))
        if character == "x":
            batch.letters.append(Letter(0, offset, line, b"", "not_json", "", "", "decode", "", None, NOON))
        else:
            batch.entries.append(make_entry(make_sent(number, payload={}), place=(0, offset, line)))
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

    window.add(5_000, bad=False)
    window.add(201, bad=True)

    assert window.trip == "201 events in a row became dead letters"
    assert sum(count for _, count in window._runs) == 1_000
