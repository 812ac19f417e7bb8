"""How a source is, decided from facts about it: every combination of them, and what it learns its interval from."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.ledger.header_counts import uncounted
from processing.ledger.lag import PartitionLag
from queries.sources.health import interval, reasons
from queries.sources.health.backlog import Backlog
from queries.sources.health.causes import Cause
from queries.sources.health.minutes import HalfHour, Minute, Run
from queries.sources.health.state import Facts, Failures, State, decide

NOW = 1_800_000_000.0
DAY = 86_400.0


def facts(**more: object) -> Facts:
    """Return the facts of a source that sends every 10 s, and sent just now."""
    usual: dict[str, object] = {
        "registered": NOW - 9 * DAY, "last_seen": NOW - 3, "read": 100, "stored": 100, "latest_event": NOW - 4, "usual": 10.0,
    }  # fmt: skip
    return Facts("plant-1", **(usual | more))  # type: ignore[arg-type]


def test_every_combination_of_troubles_has_the_state_of_the_worst_one() -> None:
    troubles: list[tuple[State, dict[str, object]]] = [
        ("disabled", {"enabled": False}),
        ("held", {"held_since": NOW - 40.0, "partition": 3}),
        ("failing", {"failures": Failures(20, 2, NOW - 60, NOW - 60), "dead_lettered": 2}),
        ("silent", {"last_seen": NOW - 51.0}),
        ("late", {"last_seen": NOW - 21.0}),
        ("skewed", {"latest_event": NOW - 2 * DAY}),
    ]
    for chosen in product((False, True), repeat=len(troubles)):
        given_facts: dict[str, object] = {}
        # The worse one last, as the time since the last event is of two of them.
        for (_, part), is_chosen in reversed(list(zip(troubles, chosen, strict=True))):
            given_facts |= part if is_chosen else {}
        expected = next((state for (state, _), is_chosen in zip(troubles, chosen, strict=True) if is_chosen), "live")

        assert decide(facts(**given_facts), now=NOW) == expected, given_facts


def test_what_came_this_moment_hides_no_rate() -> None:
    assert [facts(behind=seconds).waits for seconds in (0.0, 0.03, 4.0, 6.0)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"last_seen": None, "read": 0, "stored": 0, "latest_event": None, "usual": None}, "new"),
        ({"usual": None, "is_scarce": True}, "new"),
        # What was not looked at is seconds old.
        ({"usual": None}, "live"),
        ({"usual": None, "is_scarce": True, "last_seen": NOW - 2 * DAY, "latest_event": NOW - 2 * DAY}, "silent"),
        # What a person set counts before what was learned.
        ({"expected": 3_600.0, "last_seen": NOW - 3_000, "latest_event": NOW - 3_000}, "live"),
        ({"expected": 60.0, "usual": 3_600.0, "last_seen": NOW - 301, "latest_event": NOW - 301}, "silent"),
        # Half a second is less than what a page is behind.
        ({"usual": 0.1, "last_seen": NOW - 14}, "live"),
        ({"usual": 0.1, "last_seen": NOW - 29}, "late"),
        # What is not read yet may be of it.
        ({"last_seen": NOW - 100, "behind": 99.0}, "late"),
        ({"last_seen": NOW - 100, "behind": 59.0}, "late"),
        ({"behind": 59.0}, "live"),
        # It was silent before the partition was held.
        ({"held_since": NOW - 40, "last_seen": NOW - 100, "partition": 3}, "silent"),
        ({"held_since": NOW - 40, "last_seen": None, "partition": 3}, "held"),
        # Nothing of it was ever stored.
        ({"read": 76, "dead_lettered": 76, "stored": 0, "last_seen": NOW - DAY, "latest_event": None}, "failing"),
        ({"set_aside_until": NOW + 1}, "failing"),
        ({"set_aside_until": NOW - 1}, "live"),
        ({"failures": Failures(100, 9, NOW - 60, NOW)}, "live"),
        ({"failures": Failures(100, 90, NOW - 360, NOW - 60)}, "live"),
        ({"failures": Failures(100, 90, NOW - 300, NOW - 60)}, "failing"),
        ({"latest_event": NOW + 2 * DAY}, "skewed"),
        ({"latest_event": NOW - 900 * DAY, "is_history": True}, "live"),
    ],
)
def test_the_borders_between_states(more: dict[str, object], expected: State) -> None:
    assert decide(facts(**more), now=NOW) == expected


@given(
    usual=st.floats(0.01, 1e6), silence=st.floats(0, 1e7), longer=st.floats(0, 1e7), behind=st.floats(0, 1e5),
    enabled=st.booleans(), failed=st.integers(0, 10),
)  # fmt: skip
def test_a_source_gets_no_better_by_silence(
    usual: float, silence: float, longer: float, behind: float, enabled: bool, failed: int
) -> None:
    given_facts = facts(
        usual=usual, last_seen=NOW, latest_event=NOW, behind=behind, enabled=enabled,
        failures=Failures(10, failed, NOW, NOW), dead_lettered=failed,
    )  # fmt: skip
    order = ["live", "late", "silent", "failing", "disabled"]

    earlier, later = (decide(given_facts, now=NOW + each) for each in (silence, silence + longer))

    assert order.index(earlier) <= order.index(later)
    assert reasons.sentence(given_facts, later, now=NOW + silence).text


def test_the_interval_is_that_of_the_sendings() -> None:
    def every(seconds: float, *, at_once: int = 1, count: int = 40) -> list[tuple[float, float]]:
        return [(NOW - n // at_once * seconds, NOW - n // at_once * seconds - 1) for n in range(count)]

    minutes = [NOW - 60.0 * n for n in range(40)]

    assert interval.learn(every(10), minutes).interval == 10
    assert interval.learn(every(10), minutes).skew == -1
    # Ten events of each sending came at one time.
    assert interval.learn(every(30, at_once=10), minutes).interval == 30
    # All of the newest ones came at once: the minutes tell.
    assert interval.learn(every(3_600, at_once=100), [NOW - 3_600.0 * n for n in range(9)]).interval == 3_600
    assert interval.learn(every(1, at_once=100), [NOW]).interval is None
    assert interval.learn([], minutes).interval == 60
    # Days came within seconds: an import.
    assert interval.learn([(NOW, NOW - n * 3_600) for n in range(40)], [NOW]) == interval.Habit(
        None, -19.5 * 3_600, is_history=True, spacing=3_600
    )
    assert interval.learn([(NOW + n, NOW - n * 3_600) for n in range(40)], [NOW]).is_history
    assert not interval.learn([(NOW - n * 10, NOW - n * 10 - 40 * DAY) for n in range(40)], [NOW]).is_history


def test_a_half_hour_tells_rate_shares_and_since_when_all_failed() -> None:
    start = 1_800_000_000
    good, bad = Minute(10, 5, 0), Minute(4, 0, 4)
    lately = HalfHour(start, [good] * 26 + [bad, Minute(), bad, Minute(2, 0, 2)])

    assert lately.run == Run(10, 10, start + 26 * 60)
    assert lately.rate(start + 29 * 60 + 30) == pytest.approx(6 / 90)
    assert lately.rejects == pytest.approx(100 * 10 / 270)
    assert lately.duplicates == pytest.approx(100 * 130 / 270)
    mixed = HalfHour(start, [good] + [bad] * 28 + [good])
    assert mixed.run == Run(112, 122, start + 60)
    quiet = HalfHour(start, [Minute()] * 30)
    assert (quiet.run, quiet.rejects, quiet.duplicates, quiet.rate(start + 30 * 60)) == (None, None, None, 0)


def test_sentences_say_why() -> None:
    def said(state: State, *, run: Run | None = None, cause: Cause | None = None, **more: object) -> str:
        found = reasons.sentence(facts(**more), state, now=NOW, run=run, cause=cause)
        return f"{found.text}{'' if found.at is None else round(found.at - NOW)}{found.rest}"

    cause = Cause("invalid_timestamp", "timestamp: expected RFC 3339.")
    assert said("failing", run=Run(76, 76, int(NOW) - 600), cause=cause) == (
        "76 of 76 events since -600 failed: timestamp: expected RFC 3339."
    )
    assert said("failing", read=5, dead_lettered=5) == "All 5 events failed."
    assert said("silent", last_seen=NOW - 51 * 60) == "Silent for 51 min; it usually sends every 10 s."
    assert said("silent", last_seen=NOW - 51 * 60, expected=0.5) == "Silent for 51 min; it should send every 0.5 s."
    assert said("held", partition=3, held_since=NOW - 60) == "Waits: partition 3 is held since -60."
    assert said("late", behind=180.0) == "What it sent in the last 3 min is not read yet."
    assert said("skewed", latest_event=NOW - 40 * DAY) == "Its clock is 40 d behind the receivers'."
    assert said("new", last_seen=None) == "Nothing was received yet."
    assert said("new", read=1) == "1 event so far; how often it sends is not known yet."


def test_a_record_that_came_this_moment_makes_no_backlog() -> None:
    def waits(offset: int, seconds: float) -> list[PartitionLag]:
        return [PartitionLag(3, 1, uncounted(1), seconds, (offset, offset + 1))]

    quiet = Backlog()
    assert quiet.behind(waits(7, 600.0), at=0.0) == {}
    assert quiet.behind([PartitionLag(3, 0, uncounted(0), 0.0, (8, 8))], at=1.0) == {}
    assert quiet.behind(waits(8, 90.0), at=2.0) == {}
    # It stays, or others come as fast as they are read.
    assert quiet.behind(waits(8, 97.0), at=8.0) == {3: 97.0}
    assert quiet.behind(waits(9, 80.0), at=9.0) == {3: 80.0}
