"""The content hashes of many events at once are those of each alone."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.events.identity.content_hash import content_hash, content_hashes
from ingestion.events.model import INT64_MAX, INT64_MIN

INTEGERS = st.integers(INT64_MIN, INT64_MAX)
# Floats without a fraction are common in life and rare among all floats.
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | INTEGERS.map(float) | st.integers(-9, 9).map(float)
# What looks like the end of such a number.
TEXTS = st.text(max_size=5) | st.sampled_from(["1.0,", "1.0}", "1.0]", "1e16", "2e17", '"1.0,', "node16", ".0"])
VALUES = st.recursive(
    INTEGERS | FLOATS | TEXTS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PAYLOADS = st.dictionaries(TEXTS, VALUES, max_size=4)
EVENTS = st.tuples(st.none() | st.integers(0, 2**50), PAYLOADS)


@given(st.lists(EVENTS, max_size=5))
@example([(1, {"a": 1e16}), (None, {"a": -0.0}), (2, {"a": 9.2e18}), (3, {"b": "1.0,"})])
@example([(1, {"a": 2**53}), (1, {"a": float(2**53)})])
def test_many_hashes_at_once_are_those_of_each_alone(events: list[tuple[int | None, dict[str, Any]]]) -> None:
    times, payloads = [ts for ts, _ in events], [payload for _, payload in events]

    assert content_hashes(times, payloads) == [content_hash(ts, payload) for ts, payload in events]


@given(st.integers(-(2**53), 2**53), st.dictionaries(st.text(max_size=3), INTEGERS, max_size=3))
def test_a_number_written_with_and_without_a_point_and_keys_in_any_order_are_equal(
    number: int, others: dict[str, int]
) -> None:
    whole, pointed = {**others, "n": number}, {"n": float(number), **dict(reversed(others.items()))}
    pointed["n"] = float(number)

    assert content_hashes([1, 1], [whole, pointed]) == [content_hash(1, whole)] * 2
