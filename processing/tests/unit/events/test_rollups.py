"""Rollups depend on the set of events alone, and agree with the slow and obvious way."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing.events.rollups import Span, Spans, roll_up
from processing.tests import expectations, reference_rollups
from processing.tests.factories import NOON, as_rollups, make_entry, make_sent
from processing.tests.reference_rollups import HOUR, MINUTE, Sent

Payload = dict[str, object]

KEYS = st.sampled_from(["a", "b", "a.b", "back\\slash", "é", "x" * 70, "x" * 255])
# Sums of these stay within what 1e-9 relative can tell, so that a difference is a mistake and not rounding.
NUMBERS = st.integers(-1_000_000, 1_000_000) | st.integers(-8_000_000, 8_000_000).map(lambda n: n / 8)
VALUES = NUMBERS | st.booleans() | st.none() | st.text(max_size=3) | st.lists(NUMBERS, max_size=2)
PAYLOADS = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=2), max_size=4)
# Few instants, so that ties and shared buckets are common.
TIMES = st.sampled_from([NOON, NOON + 1, NOON + MINUTE - 1, NOON + MINUTE, NOON + HOUR, 0])


@st.composite
def event_sets(draw: st.DrawFn) -> list[Sent]:
    """Events of two sources with ids of their own; often of one shape, as in life."""
    shapes: st.SearchStrategy[Payload] = draw(
        st.sampled_from([PAYLOADS, st.fixed_dictionaries({"a": NUMBERS, "b": NUMBERS, "s": st.text()})])
    )
    parts = draw(st.lists(st.tuples(st.sampled_from(["s1", "s2"]), TIMES, shapes), max_size=12))
    return [make_sent(n, source=source, ts=ts, payload=payload) for n, (source, ts, payload) in enumerate(parts)]


# Time is no matter here: the machine may be busy with the tests' servers.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=event_sets(), order=st.randoms(use_true_random=False), cuts=st.lists(st.integers(0, 12), max_size=3))
def test_any_order_and_any_split_into_batches_gives_what_the_slow_way_gives(
    events: list[Sent], order: object, cuts: list[int]
) -> None:
    shuffled = list(events)
    order.shuffle(shuffled)  # type: ignore[attr-defined]

    minutes, hours = merged([roll_up(map(make_entry, batch)) for batch in split(shuffled, sorted(cuts))])

    expectations.assert_agree(as_rollups(minutes, span=MINUTE), reference_rollups.rollups(events, span=MINUTE))
    expectations.assert_agree(as_rollups(hours, span=HOUR), reference_rollups.rollups(events, span=HOUR))


def test_a_tie_in_time_goes_to_the_larger_id_for_first_and_last() -> None:
    tied = [make_sent(number, payload={"v": number}) for number in range(20)]
    largest = max(tied, key=lambda event: event.id)

    span = only_span(tied)

    assert (span.first, span.last) == (largest.payload["v"], largest.payload["v"])


def test_a_late_event_becomes_the_first() -> None:
    span = only_span([make_sent(1, ts=NOON + 5, payload={"v": 1}), make_sent(2, ts=NOON, payload={"v": 2})])

    assert (span.first, span.last, span.count, span.sum) == (2, 1, 2, 3.0)


def test_booleans_texts_and_elements_of_arrays_are_no_numbers() -> None:
    minutes, _ = roll_up([make_entry(make_sent(1, payload={"yes": True, "text": "1", "list": [1, 2], "none": None}))])

    assert minutes == {}


def test_nested_fields_have_dotted_paths_and_a_dot_in_a_key_is_escaped() -> None:
    payload: dict[str, object] = {"a": {"b.c": 1, "d": {"e": 2}}, "f.g": 3, "back\\slash": 4}

    minutes, _ = roll_up([make_entry(make_sent(1, payload=payload))])

    assert fields(minutes) == {"a.b\\.c", "a.d.e", "f\\.g", "back\\\\slash"}


def test_of_more_than_64_fields_the_first_in_sorted_order_are_rolled_up() -> None:
    payload: dict[str, object] = {f"f{number:03}": number for number in reversed(range(100))}

    minutes, _ = roll_up([make_entry(make_sent(1, payload=payload))])

    assert fields(minutes) == {f"f{number:03}" for number in range(64)}


def test_a_path_of_more_than_256_bytes_is_left_out() -> None:
    payload: dict[str, object] = {"é" * 128: 1, "é" * 129: 2, "a" * 250: {"b": 3, "longer": 4}}

    minutes, _ = roll_up([make_entry(make_sent(1, payload=payload))])

    assert fields(minutes) == {"é" * 128, "a" * 250 + ".b"}


def test_events_of_different_shapes_in_one_minute_count_for_the_fields_they_have() -> None:
    events = [make_sent(1, payload={"a": 1, "b": "text"}), make_sent(2, payload={"a": True, "b": 2})]

    minutes, _ = roll_up(map(make_entry, events))

    [(_, rolled)] = minutes.items()
    assert {name: (span.count, span.sum) for name, span in rolled.items()} == {"a": (1, 1.0), "b": (1, 2.0)}


def split(events: Sequence[Sent], cuts: Sequence[int]) -> list[Sequence[Sent]]:
    edges = [0, *(min(cut, len(events)) for cut in cuts), len(events)]
    return [events[start:end] for start, end in pairwise(edges)]


def merged(batches: list[tuple[Spans, Spans]]) -> tuple[Spans, Spans]:
    minutes: Spans = {}
    hours: Spans = {}
    for batch in batches:
        for total, part in zip((minutes, hours), batch, strict=True):
            for key, rolled in part.items():
                for name, span in rolled.items():
                    known = total.setdefault(key, {})
                    if name in known:
                        known[name].merge(span)
                    else:
                        known[name] = copy.copy(span)
    return minutes, hours


def only_span(events: list[Sent]) -> Span:
    minutes, _ = roll_up(map(make_entry, events))
    [rolled] = minutes.values()
    [span] = rolled.values()
    return span


def fields(minutes: Spans) -> set[str]:
    [rolled] = minutes.values()
    return set(rolled)
