"""The ledger in words: only what is proven."""

from __future__ import annotations

from typing import cast

import pytest

from dashboard.panels.verdict import Told, Verdict, told, verdict
from processing.ledger import ledger
from processing.ledger.header_counts import NONE, Waiting
from processing.ledger.ledger import Totals
from queries.schemas import LagShape, Pipeline

READ = Totals(read=442_204, stored=441_815, duplicate=2, dead_lettered=387)
COUNTED = Waiting(47_567, 47_567, exact=True)
BOUNDED = Waiting(47_567, 51_197, exact=False)


def lag(partition: int, waiting: Waiting) -> LagShape:
    return {
        "topic": "raw-data",
        "partition": partition,
        "records": 3 if waiting.fewest else 0,
        "events": waiting.fewest if waiting.exact else None,
        "eventsRange": ledger.count_range(waiting),
        "seconds": 1.0,
    }


def line(
    in_flight: Waiting | None,
    *,
    totals: Totals = READ,
    lags: tuple[LagShape, ...] = (),
    held: tuple[int, ...] = (),
    letters: tuple[int, int] = (0, 0),
    incident: str = "disk",
) -> Pipeline:
    shape = {
        "ledger": ledger.equation(totals, in_flight=in_flight),
        "lag": list(lags),
        "held": [{"topic": "raw-data", "partition": number} for number in held],
        "incidents": [{"kind": incident}],
        "deadLetters": {
            state: {"atLeast": count, "atMost": count if count < 10_000 else None}
            for state, count in zip(("open", "parked"), letters, strict=True)
        },
    }
    return cast("Pipeline", shape)


@pytest.mark.parametrize(
    ("found", "tone", "text"),
    [
        (line(NONE), "good", "Every event is accounted for."),
        (line(COUNTED, lags=(lag(1, COUNTED),)), "good", "Every event is accounted for."),
        # Nothing waits in it, so nothing is open.
        (line(NONE, lags=(lag(3, NONE),), held=(3,)), "good", "Every event is accounted for."),
        (
            line(COUNTED, lags=(lag(3, COUNTED),), held=(3,)),
            "warn",
            "Every event is accounted for so far; 47,567 wait in held partition 3.",
        ),
        (
            line(Waiting(1, 1, exact=True), lags=(lag(3, Waiting(1, 1, exact=True)),), held=(3,)),
            "warn",
            "Every event is accounted for so far; 1 waits in held partition 3.",
        ),
        (
            line(BOUNDED + COUNTED, lags=(lag(3, BOUNDED), lag(4, NONE), lag(5, COUNTED)), held=(3, 4, 5)),
            "warn",
            "Every event is accounted for so far; 95,134 to 98,764 wait in held partitions 3 and 5.",
        ),
        (line(BOUNDED), "warn", "Every event is accounted for so far; 47,567 to 51,197 wait in Kafka."),
        (line(Waiting(9, None, exact=False)), "warn", "Every event is accounted for so far; at least 9 wait in Kafka."),
        (line(Waiting(9, 9, exact=False)), "warn", "Every event is accounted for so far; about 9 wait in Kafka."),
        (
            line(None),
            "warn",
            "Every event that was read has exactly one outcome. "
            "Kafka does not answer, so the number in flight is unknown.",
        ),
        (
            line(NONE, totals=Totals(read=1203, stored=3)),
            "bad",
            "1,200 events that were read have no outcome, or two. Run manage.py reconcile.",
        ),
        (
            line(NONE, incident="gap"),
            "warn",
            "Every event is accounted for, except those in records that were never read.",
        ),
    ],
)
def test_the_sentence_is_green_only_where_the_equation_is_closed(found: Pipeline, tone: str, text: str) -> None:
    assert verdict(found) == Verdict(tone=tone, text=text)  # type: ignore[typeddict-item]


def test_numbers_that_were_not_counted_are_told_as_ranges() -> None:
    found = told(line(BOUNDED, lags=(lag(0, COUNTED), lag(3, BOUNDED)), letters=(12_000, 3)))

    assert found == Told(
        accepted="489,771 to 493,401",
        inFlight="47,567 to 51,197",
        lag="95,134 to 98,764",
        openDeadLetters="at least 12,000",
        parkedDeadLetters="3",
        lettersWait=True,
    )


def test_dead_letters_that_are_closed_are_no_state() -> None:
    found = told(line(COUNTED))

    assert (found["accepted"], found["inFlight"]) == ("489,771", "47,567")
    assert (found["openDeadLetters"], found["parkedDeadLetters"], found["lettersWait"]) == ("0", "", False)


def test_what_is_unknown_is_a_dash() -> None:
    found = told(line(None))

    assert (found["accepted"], found["inFlight"]) == ("–", "–")
