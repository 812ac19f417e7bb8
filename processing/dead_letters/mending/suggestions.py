"""Mends to suggest for a dead letter: what its reason and what was sent let one try. Each suggested one fixes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import msgspec

from ingestion.events.strict_parser import ALIASES, FIELDS, raw_members
from ingestion.problems import Code
from processing.dead_letters import rendering
from processing.dead_letters.mending import date_formats, mend, pointers
from processing.dead_letters.mending.steps import (
    AnyStep,
    Cast,
    DropCommas,
    KeepLast,
    Mend,
    NewId,
    ParseDate,
    ReceivedTime,
    Remove,
    Rename,
    sentence,
)
from processing.models import DeadLetter

MOST = 6  # of one letter
SAMPLE = 50  # letters alike, on which formats of dates are tried


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A mend that fixes a letter."""

    text: str
    mend: Mend
    fixes: int  # of the sample
    sample: int  # letters that were tried, this one included


def suggest(letter: DeadLetter, alike: Sequence[DeadLetter], *, now: int) -> list[Suggestion]:
    """Return the mends that fix a letter, best first: those that lose nothing, and fix most of its like.

    :param alike: further letters with the same cause, at most SAMPLE are used
    :param now: microseconds since the epoch
    """
    sample = [letter, *(one for one in alike if one.pk != letter.pk)][:SAMPLE]
    found = []
    for steps in _candidates(letter):
        if _fixes(letter, steps, now=now):
            fixed = sum(_fixes(one, steps, now=now) for one in sample)
            found.append(Suggestion(sentence(steps), steps, fixed, len(sample)))
    # Stable: of equally good ones, the likeliest is first. What loses something of what was sent comes last.
    return sorted(found, key=lambda one: (_loses(one.mend), -one.fixes))[:MOST]


def _loses(steps: Mend) -> bool:
    return any(isinstance(step, ReceivedTime | Remove) for step in steps)


def _candidates(letter: DeadLetter) -> Iterator[Mend]:
    find = _BY_REASON.get(letter.reason)
    if find is not None:
        yield from find(letter)


def _fixes(letter: DeadLetter, steps: Mend, *, now: int) -> bool:
    try:
        mend.mended_line(letter, steps, now=now)
    except mend.UNFIXED:
        return False
    return True


def _of_time(letter: DeadLetter) -> Iterator[Mend]:
    text = pointers.scalar(rendering.sent_text(letter), "/timestamp")
    if text is not None:
        for form in date_formats.COMMON:
            try:
                date_formats.parse(text, form, "UTC")
            except (ValueError, OverflowError):
                continue
            yield [ParseDate(form)]
        yield [Cast("timestamp", "integer")]
    yield [ReceivedTime()]


def _of_missing(letter: DeadLetter) -> Iterator[Mend]:
    name = letter.pointer.removeprefix("/")
    yield from ([step] for step in _renamed(letter, name))
    if name == "timestamp":
        yield [ReceivedTime()]
        yield from ([step, ReceivedTime()] for step in _removals(letter))


def _renamed(letter: DeadLetter, name: str) -> Iterator[AnyStep]:
    """Rename the field that is most like a missing one."""
    unknown = _unknown(letter)
    for close in get_close_matches(name, unknown, n=2, cutoff=0.4) or unknown[:2]:
        yield Rename(pointers.path((close,)), name)


def _removals(letter: DeadLetter) -> Iterator[AnyStep]:
    for name in _unknown(letter)[:1]:
        yield Remove(pointers.path((name,)))


def _of_unknown(letter: DeadLetter) -> Iterator[Mend]:
    unknown = _unknown(letter)
    members = _members(letter)
    missing = [name for name in ("sourceId", "timestamp", "payload") if name not in members]
    for name in unknown:
        for field in get_close_matches(name, missing, n=1, cutoff=0.4):
            yield [Rename(pointers.path((name,)), field)]
    if "payload" in members:
        yield [Rename(pointers.path((name,)), f"payload.{pointers.path((name,))}") for name in unknown]
    yield [Remove(pointers.path((name,))) for name in unknown]


def _of_value(letter: DeadLetter) -> Iterator[Mend]:
    path = pointers.path_of(letter.pointer)
    if path is None:
        return
    for kind in ("number", "text", "boolean"):
        yield [Cast(path, kind)]
    if letter.pointer.startswith("/payload/"):
        yield [Remove(path)]
    if letter.pointer == "/timestamp":
        yield from _of_time(letter)


def _of_id(_letter: DeadLetter) -> Iterator[Mend]:
    yield [NewId()]


def _of_text(_letter: DeadLetter) -> Iterator[Mend]:
    yield [DropCommas()]


def _of_keys(_letter: DeadLetter) -> Iterator[Mend]:
    yield [KeepLast()]


def _unknown(letter: DeadLetter) -> list[str]:
    return [name for name in _members(letter) if name not in FIELDS]


def _members(letter: DeadLetter) -> Mapping[str, object]:
    """Return the members of what was sent, under the names of the event's fields."""
    try:
        found = raw_members(rendering.sent_text(letter))
    except msgspec.MsgspecError:
        return {}
    return {ALIASES.get(name, name): value for name, value in found.items()}


_BY_REASON: Mapping[str, Callable[[DeadLetter], Iterator[Mend]]] = {
    Code.INVALID_TIMESTAMP: _of_time,
    Code.MISSING_FIELD: _of_missing,
    Code.UNKNOWN_FIELD: _of_unknown,
    Code.WRONG_TYPE: _of_value,
    Code.SCHEMA_VIOLATION: _of_value,
    Code.NUMBER_OUT_OF_RANGE: _of_value,
    Code.INVALID_TEXT: _of_value,
    Code.KEY_TOO_LONG: _of_value,
    Code.TOO_DEEP: _of_value,
    Code.INVALID_EVENT_ID: _of_id,
    Code.ID_CONFLICT: _of_id,
    Code.NOT_JSON: _of_text,
    Code.DUPLICATE_KEY: _of_keys,
}
