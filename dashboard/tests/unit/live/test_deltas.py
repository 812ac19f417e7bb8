"""Deltas: sums, merged spans and shown rows."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.deltas import SHOWN_SOURCES, OverviewDelta, SeriesDelta, TailDelta
from dashboard.panels.columns import PREVIEW_CHARACTERS, preview
from dashboard.tests.consumer_frames import consumer_frame, source_frame, tail_event
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from processing.live_feed import ConsumerFrame
from queries.request.filter_line import parsing


def columns(body: dict[str, object]) -> dict[str, list[object]]:
    return cast("dict[str, list[object]]", body["columns"])


def overview(*frames: ConsumerFrame) -> OverviewDelta:
    delta = OverviewDelta(0.0, 0.25, EVERYTHING)
    for frame in frames:
        delta.take(frame)
    return delta


def test_what_several_consumers_stored_adds_up() -> None:
    delta = overview(consumer_frame({"a": source_frame(stored=3)}), consumer_frame({"a": source_frame(stored=4)}))

    assert delta.body()["sums"] == {"read": 7, "stored": 7, "duplicate": 0, "deadLettered": 0, "dropped": 0}
    assert columns(delta.body())["stored"] == [7]


def test_the_value_of_the_newest_event_wins_whatever_comes_last() -> None:
    newer = consumer_frame({"a": source_frame(temperature=(2_000, 21.0))})
    older = consumer_frame({"a": source_frame(temperature=(1_000, 99.0))})

    assert columns(overview(newer, older).body())["values"] == [{"temperature": 21.0}]
    assert columns(overview(older, newer).body())["values"] == [{"temperature": 21.0}]


def test_lines_without_a_readable_source_count_and_show_no_source() -> None:
    delta = overview(consumer_frame({"": source_frame(stored=2)}))

    assert cast("dict[str, int]", delta.body()["sums"])["read"] == 2
    assert columns(delta.body())["sourceId"] == []


def test_more_sources_than_are_shown_are_said() -> None:
    many = {f"s{number}": source_frame(stored=1, at=number * 1000) for number in range(SHOWN_SOURCES + 30)}

    body = overview(consumer_frame(many)).body()

    assert (body["seen"], body["shown"]) == (SHOWN_SOURCES + 30, SHOWN_SOURCES)
    assert columns(body)["sourceId"][0] == f"s{SHOWN_SOURCES + 29}"


@given(st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(1, 9)), max_size=4)))
def test_widened_spans_say_what_one_span_over_all_would(spans: list[list[tuple[str, int, int]]]) -> None:
    frames = [
        [consumer_frame({source: source_frame(stored=n, at=at, x=(at, float(at)))}) for source, n, at in span]
        for span in spans
    ]

    wide = OverviewDelta(0.0, 0.0, EVERYTHING)
    for place, span in enumerate(frames):
        part = overview(*span)
        part.end = place * 0.25
        wide.add(part)
    whole = overview(*(frame for span in frames for frame in span))
    whole.end = wide.end

    assert sorted_rows(wide) == sorted_rows(whole)
    assert wide.sums == whole.sums


def sorted_rows(delta: OverviewDelta) -> list[tuple[object, ...]]:
    shown = columns(delta.body())
    return sorted(zip(shown["sourceId"], shown["stored"], shown["lastSeen"], map(str, shown["values"]), strict=True))


def test_widening_leaves_the_span_that_others_share_alone() -> None:
    shared = overview(consumer_frame({"a": source_frame(stored=1, x=(1, 1.0))}))
    held = OverviewDelta(0.0, 0.0, EVERYTHING)

    held.add(shared)
    held.add(overview(consumer_frame({"a": source_frame(stored=5, x=(2, 2.0))})))

    assert shared.sums["stored"] == 1
    assert columns(shared.body())["values"] == [{"x": 1.0}]


def test_a_series_hears_its_own_source_alone() -> None:
    delta = SeriesDelta(0.0, 0.25, EVERYTHING, "a")

    delta.take(
        consumer_frame({"a": source_frame(stored=2, x=(5_000, 1.5)), "b": source_frame(stored=9, x=(6_000, 9.0))})
    )

    assert delta.body()["sums"] == {"stored": 2}
    assert delta.body()["columns"] == {"field": ["x"], "at": [5], "value": [1.5]}


def test_a_tail_says_how_many_events_it_does_not_show() -> None:
    delta = TailDelta(0.0, 0.25, EVERYTHING)

    delta.take(consumer_frame({"a": source_frame(stored=900)}, [tail_event("e1"), tail_event("e2")]))

    body = delta.body()
    assert (body["seen"], body["shown"]) == (900, 2)
    assert columns(body)["eventId"] == ["e1", "e2"]


def test_a_tail_has_the_texts_of_the_fields_that_it_was_asked_for() -> None:
    delta = TailDelta(0.0, 0.25, EVERYTHING, fields=("temperature", "room.name"))

    delta.take(consumer_frame({"a": source_frame(stored=1)}, [tail_event("e1")]))

    assert columns(delta.body())["cells"] == [["23.5", ""]]
    assert "cells" not in columns(TailDelta(0.0, 0.25, EVERYTHING).body())


def test_the_tail_of_one_source_leaves_the_others_out() -> None:
    delta = TailDelta(0.0, 0.25, ReadScope(frozenset({"a"})))

    delta.take(
        consumer_frame(
            {"a": source_frame(stored=1), "b": source_frame(stored=1)}, [tail_event("e1", "a"), tail_event("e2", "b")]
        )
    )

    assert columns(delta.body())["eventId"] == ["e1"]
    assert delta.body()["seen"] == 1


def test_a_filtered_tail_counts_what_passes_and_says_when_it_saw_a_sample_alone() -> None:
    def tail(text: str, stored: int) -> dict[str, object]:
        delta = TailDelta(0.0, 0.25, ReadScope(frozenset({"plant-1", "plant-2", "other"})), parsing.parse(text))
        events = [tail_event("e1", "plant-1"), tail_event("e2", "plant-2"), tail_event("e3", "hidden-1")]
        delta.take(consumer_frame({"plant-1": source_frame(stored=stored), "plant-2": source_frame(stored=1)}, events))
        delta.add(TailDelta(0.25, 0.5, delta.scope, delta.line))
        return delta.body()

    by_source, by_value, none = tail("source:plant-1", 1), tail("-source:plant-2 temperature>20", 1), tail("cold", 1)
    flooded, flooded_source = tail("temperature>20", 900), tail("source:plant-*", 900)

    assert (by_source["seen"], columns(by_source)["eventId"]) == (1, ["e1"])
    assert (by_value["seen"], by_value["looked"], columns(by_value)["eventId"]) == (1, 1, ["e1"])
    assert (none["seen"], none["looked"], none["shown"]) == (0, 2, 0)
    assert (flooded["seen"], flooded["stored"], flooded["looked"], flooded["shown"]) == (None, 901, 2, 2)
    assert (flooded_source["seen"], flooded_source["shown"]) == (901, 2)


def test_a_large_payload_is_shown_cut() -> None:
    assert preview({"t": 1.5}) == '{"t": 1.5}'
    assert len(preview({"t": "x" * 100_000})) == PREVIEW_CHARACTERS


def test_a_reader_of_some_sources_hears_of_these_alone() -> None:
    scope = ReadScope(frozenset({"a", "c"}))
    frame = consumer_frame(
        {"a": source_frame(stored=2, x=(1, 1.0)), "b": source_frame(stored=40), "": source_frame(stored=100)},
        [tail_event("e1", "a"), tail_event("e2", "b")],
    )
    shown, tail = OverviewDelta(0.0, 0.25, scope), TailDelta(0.0, 0.25, scope)

    shown.take(frame)
    tail.take(frame)

    body = shown.body()
    assert (body["seen"], columns(body)["sourceId"], body["sums"]) == (
        1,
        ["a"],
        {"read": 2, "stored": 2, "duplicate": 0, "deadLettered": 0, "dropped": 0},
    )
    assert (tail.body()["seen"], columns(tail.body())["eventId"]) == (2, ["e1"])


def test_a_series_of_a_source_outside_the_scope_takes_nothing() -> None:
    delta = SeriesDelta(0.0, 0.25, ReadScope(frozenset({"b"})), "a")

    delta.take(consumer_frame({"a": source_frame(stored=1, temperature=(1_000, 20.0))}))

    assert not delta.changed()
