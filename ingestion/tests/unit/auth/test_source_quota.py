"""How many new sources a key may begin."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.auth.source_quota import ALWAYS, WINDOW_SECONDS, SourceQuota


@pytest.fixture(autouse=True)
def _limits(settings: Any) -> None:
    settings.DATAFLOW_MAX_SOURCES = 1_000
    settings.DATAFLOW_NEW_SOURCES_PER_KEY = 300


def names(count: int, prefix: str = "s") -> set[str]:
    return {f"{prefix}-{n:05}" for n in range(count)}


def test_a_key_can_not_use_up_the_sources_of_the_others() -> None:
    quota = SourceQuota()

    assert len(quota.claim("greedy", names(100_000), now=1.0)) == 99_700
    assert quota.claim("greedy", names(1, "more"), now=2.0) == names(1, "more")
    assert quota.claim("other", names(300, "other"), now=2.0) == set()


def test_a_source_that_was_begun_is_not_counted_again() -> None:
    quota = SourceQuota()
    quota.claim("key", names(300), now=1.0)

    assert quota.claim("key", names(300), now=2.0) == set()


def test_each_key_may_begin_some_when_the_process_has_its_most() -> None:
    quota = SourceQuota()
    for number in range(4):
        quota.claim(f"greedy-{number}", names(300, f"g{number}"), now=1.0)

    assert len(quota.claim("late", names(150, "late"), now=2.0)) == 150 - ALWAYS


def test_the_next_window_begins_anew() -> None:
    quota = SourceQuota()
    quota.claim("key", names(1_000), now=1.0)

    assert quota.claim("key", names(300, "later"), now=2.0 + WINDOW_SECONDS) == set()


def test_sources_that_were_registered_before_are_given_back() -> None:
    quota = SourceQuota()
    quota.claim("key", names(300), now=1.0)

    quota.release(names(100))

    assert len(quota.claim("key", names(150, "new"), now=2.0)) == 50
