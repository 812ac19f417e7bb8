from __future__ import annotations

from ingestion.acceptance import rejection_counts
from ingestion.acceptance.rejection_counts import RejectionCounter

NOON = 1_744_372_800  # a full hour


def said(counter: RejectionCounter) -> dict[str, int]:
    """What Redis would hold, were it told now."""
    words = [word for minute in counter.unpublished() for word in counter.fields(minute)]
    return {str(name): int(count) for name, count in zip(words[::2], words[1::2], strict=True)}


def test_what_the_totals_grew_by_counts_towards_the_minute_in_which_they_grew() -> None:
    counter = RejectionCounter("host-1")

    counter.update({"not_json": 2}, now=NOON + 59)
    counter.update({"not_json": 5, "unauthenticated": 1}, now=NOON + 60.5)

    assert said(counter) == {
        f"{NOON} not_json host-1": 2,
        f"{NOON + 60} not_json host-1": 3,
        f"{NOON + 60} unauthenticated host-1": 1,
    }


def test_a_minute_is_said_whole_so_that_saying_it_again_changes_nothing() -> None:
    counter = RejectionCounter("host-1")
    counter.update({"not_json": 2}, now=NOON)
    counter.mark_published(NOON)
    assert counter.unpublished() == []

    counter.update({"not_json": 3}, now=NOON + 1)

    assert said(counter) == {f"{NOON} not_json host-1": 3}


def test_what_redis_was_not_told_waits_no_longer_than_redis_would_keep_it() -> None:
    counter = RejectionCounter("host-1")
    counter.update({"not_json": 1}, now=NOON)

    counter.update({"not_json": 1}, now=NOON + 3600)
    assert counter.unpublished() == [NOON]

    counter.update({"not_json": 1}, now=NOON + 2 * rejection_counts.KEPT_SECONDS)
    assert counter.unpublished() == []


def test_what_another_release_wrote_otherwise_is_left_out() -> None:
    fields = {b"x": b"1", b"60 not_json": b"x", b"60 not_json host-1": b"3", b"\xff 1": b"1"}

    assert list(rejection_counts.read(fields)) == [rejection_counts.RejectionCount(60, "not_json", 3)]
