"""Runs the examples of rules through the whole logic; each that comes out otherwise than expected is a fault."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import msgspec

from ingestion.events import timestamps
from ingestion.events.model import InvalidEvent
from ingestion.events.parser import parse_event
from processing.events.entries import Entries, Entry
from processing.logic.content import Content, Example, ExampleInput, ExampleOutput
from processing.logic.engine import Logic
from processing.logic.faults import Fault
from processing.logic.revisions.loading import Named
from processing.logic.revisions.pointers import escaped

# Floating point differs in the last digits from what a person writes: 86 degF are 30.000000000000057 degC.
TOLERANCE = 1e-9
MAX_DIFFERENCES = 10  # of one example
MAX_SHOWN = 200  # characters of a value

_DRAFT = -1  # the number of a revision that is not saved
_LAST = 253_402_300_799_000_000  # microseconds, the year 9999: no clock decides whether an example is valid
_NOTHING = object()  # stands for a member that is not there


class Trial:
    """A content that events are tried on, each with the labels that it brings along."""

    def __init__(self, content: Content, named: Named) -> None:
        self.content = content
        self._named = named
        self._logics: dict[bytes, Logic] = {}

    def outcome(self, event: ExampleInput) -> ExampleOutput:
        """Return what becomes of an event.

        :raises InvalidEvent: it is none
        """
        judged = self._logic(event).judge(Entries.of([_entry(event)]))
        if judged.dropped:
            return ExampleOutput(dropped=True)
        if judged.rejected:
            return ExampleOutput(rejected=judged.rejected[0].detail)
        [kept] = judged.kept
        if kept.made is None:
            return ExampleOutput(payload=kept.values)
        return ExampleOutput(payload=kept.made.values, tags=list(kept.made.tags))

    def _logic(self, event: ExampleInput) -> Logic:
        labels = {event.source_id: event.labels} if event.labels else {}
        key = msgspec.json.encode(labels, order="sorted")
        if key not in self._logics:
            content = msgspec.structs.replace(self.content, labels=labels)
            self._logics[key] = Logic(_DRAFT, content, self._named.schemas, self._named.tables)
        return self._logics[key]


def faults(content: Content, named: Named) -> Iterator[Fault]:
    """Yield what the examples of enabled rules come out with that was not expected."""
    trial = Trial(content, named)
    for number, rule in enumerate(content.rules):
        for index, example in enumerate(rule.examples if rule.enabled else ()):
            yield from _of_example(f"/rules/{number}/examples/{index}", example, trial)


def _of_example(pointer: str, example: Example, trial: Trial) -> Iterator[Fault]:
    try:
        found = trial.outcome(example.input)
    except InvalidEvent as error:
        yield Fault(f"{pointer}/input{error.pointer}", error.detail)
        return
    differences = list(_differences("", _whole(example.output), _whole(found)))
    for place, detail in differences[:MAX_DIFFERENCES]:
        yield Fault(f"{pointer}/output{place}", detail)


def _entry(event: ExampleInput) -> Entry:
    text = msgspec.json.encode({"sourceId": event.source_id, "timestamp": event.timestamp, "payload": event.payload})
    parsed = parse_event(text, now=_LAST)
    return Entry(
        key=bytes(24), text=parsed.id, source=parsed.source, ts=parsed.ts,
        received=_received(event) if event.received else parsed.ts, payload=parsed.payload,
        values=msgspec.json.decode(parsed.payload), hash=0, partition=0, offset=0, line=0,
    )  # fmt: skip


def _received(event: ExampleInput) -> int:
    try:
        return timestamps.from_text(event.received)
    except InvalidEvent as error:
        raise InvalidEvent(error.code, error.detail, pointer="/received") from error


def _whole(output: ExampleOutput) -> dict[str, object]:
    """Return an outcome as a person compares it: the order of tags means nothing."""
    if output.dropped:
        return {"dropped": True}
    if output.rejected is not None:
        return {"rejected": output.rejected}
    return {"payload": output.payload, "tags": sorted(set(output.tags))}


def _differences(pointer: str, expected: object, found: object) -> Iterator[tuple[str, str]]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in {**expected, **found}:
            members = expected.get(name, _NOTHING), found.get(name, _NOTHING)
            yield from _differences(f"{pointer}/{escaped(name)}", *members)
    elif not _equal(expected, found):
        yield pointer, f"expected {_shown(expected)}, got {_shown(found)}"


def _equal(expected: object, found: object) -> bool:
    if isinstance(expected, list) and isinstance(found, list):
        pairs = zip(expected, found, strict=False)
        return len(expected) == len(found) and not any(list(_differences("", *pair)) for pair in pairs)
    if isinstance(expected, int | float) and isinstance(found, int | float):
        same_type = isinstance(expected, bool) is isinstance(found, bool)
        return same_type and math.isclose(expected, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return expected == found


def _shown(value: object) -> str:
    if value is _NOTHING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
