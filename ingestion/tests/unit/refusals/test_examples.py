"""How many examples of refusals a receiver takes and keeps."""

from __future__ import annotations

import pytest

from ingestion.auth.api_keys import ANYONE, Grant
from ingestion.problems import Code
from ingestion.refusals import examples
from ingestion.refusals.attempt import Attempt, Way
from ingestion.refusals.examples import PER_KEY, PER_REASON, PER_SECOND, WAITING, RefusalExamples

OTHER = Grant("11111111", frozenset({"ingest"}), None, "", None)


class Clock:
    """A clock that stands still until it is told."""

    now = 1_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(examples, "time", clock)
    return clock


async def test_a_flood_leaves_a_few_of_each_second_and_room_for_other_keys_and_reasons(clock: Clock) -> None:
    taking = RefusalExamples()
    flood, other = Attempt(Way.HTTP, "/ingest", ANYONE), Attempt(Way.HTTP, "/ingest", OTHER)

    for _ in range(1_000):
        taking.note(Code.NOT_JSON, "", flood)
    assert len(taking._waiting) == PER_KEY
    for _ in range(1_000):
        taking.note(Code.NOT_JSON, "", other)
    assert len(taking._waiting) == 2 * PER_KEY <= PER_REASON
    for code in Code:
        taking.note(code, "", flood)
    assert len(taking._waiting) == PER_SECOND
    clock.now += 1
    taking.note(Code.NOT_JSON, "", flood)
    assert len(taking._waiting) == PER_SECOND + 1
    taking._writing.cancel()


async def test_what_waits_for_postgresql_does_not_grow_without_bound_and_is_the_newest(clock: Clock) -> None:
    taking = RefusalExamples()

    for second in range(WAITING):
        clock.now = float(second)
        for code in (Code.NOT_JSON, Code.WRONG_TYPE):
            taking.note(code, str(second), Attempt(Way.HTTP, "/ingest", ANYONE))

    assert len(taking._waiting) == WAITING
    assert (taking._waiting[0].detail, taking._waiting[-1].detail) == (str(WAITING // 2), str(WAITING - 1))
    taking._writing.cancel()
