"""The first events that a revision changes, rejects or drops, as they were and as they would be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from ingestion.events import timestamps
from processing.events.entries import Entry
from processing.events.made import Made
from processing.trials.verdicts import OUTCOMES, Gone, Verdict

MOST = 20  # of a kind
# A payload may have 256 KiB, and a report has up to eighty of them. Of larger ones only what differs is shown.
MAX_PAYLOAD = 8 * 1024
MOST_FIELDS = 50
MAX_VALUE = 500  # characters of the JSON of a field that differs

_encode = msgspec.json.Encoder().encode
_MISSING = object()


class Difference(msgspec.Struct, rename="camel", omit_defaults=True):
    """One field that is not as it was. Without `before` it was not there, without `after` it is not any more."""

    pointer: str
    before: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    after: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Example(msgspec.Struct, rename="camel"):
    """One event. `different`: the current revision does not do the same with it."""

    event_id: str
    source_id: str
    timestamp: str
    fate: str
    before: dict[str, object] | None  # None: too long to be shown
    after: dict[str, object] | None  # None: too long, or there is no row
    fields: list[Difference]
    tags: list[str]
    rule: str  # that rejected or dropped it; or the schema
    reason: str
    different: bool


class Examples(msgspec.Struct):
    """The first of each kind; those that the current revision treats otherwise go before the rest."""

    different: dict[str, list[Example]] = {}
    same: dict[str, list[Example]] = {}

    def wanted(self, kinds: Iterable[str], different: bool) -> list[str]:
        """Return those of the kinds that have room for another. What is only stored is no example."""
        found = self.different if different else self.same
        return [kind for kind in kinds if kind != "stored" and len(found.get(kind, ())) < MOST]

    def add(self, kinds: Iterable[str], made: Example) -> None:
        """Add an example to kinds that have room for it."""
        for kind in kinds:
            (self.different if made.different else self.same).setdefault(kind, []).append(made)

    def first(self) -> dict[str, list[Example]]:
        """Return the first 20 of each kind."""
        found = {kind: [*self.different.get(kind, ()), *self.same.get(kind, ())][:MOST] for kind in OUTCOMES}
        return {kind: examples for kind, examples in found.items() if examples}


def example(entry: Entry, verdict: Verdict, *, different: bool) -> Example:
    """Return an event as it was sent, and as a revision makes it."""
    gone = verdict if isinstance(verdict, Gone) else None
    made = verdict if isinstance(verdict, Made) else None
    after = None if gone else made.values if made else entry.values
    return Example(
        entry.text, entry.source, timestamps.to_text(timestamps.from_micros(entry.ts)), gone.fate if gone else "stored",
        _shown(entry.values), _shown(after), differences(entry.values, after) if after is not None else [],
        list(made.tags) if made else [], gone.rule if gone else "", gone.reason if gone else "", different,
    )  # fmt: skip


def _shown(values: dict[str, object] | None) -> dict[str, object] | None:
    return values if values is not None and len(_encode(values)) <= MAX_PAYLOAD else None


class Step(NamedTuple):
    """Two values at one place."""

    pointer: str
    before: object
    after: object


def differences(before: dict[str, object], after: dict[str, object]) -> list[Difference]:
    """Return the fields that differ, at most 50 of them."""
    found: list[Difference] = []
    for step in _walk(Step("", before, after)):
        if len(found) == MOST_FIELDS:
            break
        found.append(Difference(step.pointer[:MAX_VALUE], _raw(step.before), _raw(step.after)))
    return found


def _walk(step: Step) -> Iterator[Step]:
    before, after = step.before, step.after
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            pointer = f"{step.pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            yield from _walk(Step(pointer, before.get(name, _MISSING), after.get(name, _MISSING)))
    elif type(before) is not type(after) or before != after:
        yield step


def _raw(value: object) -> msgspec.Raw | msgspec.UnsetType:
    if value is _MISSING:
        return msgspec.UNSET
    written = _encode(value)
    return msgspec.Raw(
        written if len(written) <= MAX_VALUE else _encode(f"{written[:MAX_VALUE].decode(errors='ignore')}…")
    )
