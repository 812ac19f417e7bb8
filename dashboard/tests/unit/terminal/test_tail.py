"""The live tail in a terminal."""

from __future__ import annotations

import json

from dashboard.terminal.tail import Tail
from dashboard.tests.consumer_frames import consumer_frame, source_frame, tail_event
from ingestion.management.terminal import Terminal
from processing.live_feed import SourceFrame, TailEvent


class Written:
    def __init__(self, *patterns: str, as_json: bool = False, limit: int | None = None) -> None:
        self.lines: list[str] = []
        self.notes: list[str] = []
        self.tail = Tail(patterns, self.lines.append, self.notes.append, Terminal(60), as_json=as_json, limit=limit)
        self.tail._told_at = 0.0


def stored_at(event: TailEvent, time: str) -> TailEvent:
    return {**event, "storedAt": f"2025-04-11T12:00:{time}Z"}


def test_events_of_the_patterns_are_shown_and_the_others_of_them_counted() -> None:
    written = Written("plant-*")
    events = [tail_event("e1", "plant-1"), tail_event("e2", "other")]
    failing: SourceFrame = {**source_frame(), "read": 2, "deadLettered": 2}
    sources = {"plant-1": source_frame(stored=900), "plant-2": failing, "other": source_frame(stored=5)}

    written.tail.take(consumer_frame(sources, events))
    written.tail.tell(now=1.5)
    written.tail.tell(now=1.6)

    assert written.lines == ['12:00:00      plant-1  {"temperature": 23.5}']
    assert written.notes == [
        "899 more were stored: the live feed carries a sample of what comes fast.",
        "2 became dead letters.",
    ]


def test_what_was_stored_while_no_frames_came_is_shown_once() -> None:
    written = Written()
    [before, missed, now] = [stored_at(tail_event(f"e{number}"), f"0{number}") for number in (1, 2, 3)]

    written.tail.take(consumer_frame({"sensor-1": source_frame(stored=1)}, [before]))
    written.tail.fill([before, missed], whole=True)
    written.tail.take(consumer_frame({"sensor-1": source_frame(stored=2)}, [missed, now]))

    assert [line[:8] for line in written.lines] == ["12:00:01", "12:00:02", "12:00:03"]
    assert written.notes == []


def test_a_gap_that_is_larger_than_what_is_read_is_told() -> None:
    written = Written(as_json=True, limit=2)
    written.tail.take(consumer_frame({"sensor-1": source_frame(stored=1)}, [tail_event("e1")]))

    written.tail.fill([stored_at(tail_event("e8"), "08"), stored_at(tail_event("e9"), "09")], whole=False)

    assert [json.loads(line)["eventId"] for line in written.lines] == ["e1", "e8"]
    assert written.tail.done
    assert written.notes == ["More was stored meanwhile than is shown here."]
