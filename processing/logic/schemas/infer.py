"""Proposes a schema for events that were seen, with the evidence for each claim."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple, TypedDict

from processing.logic.schemas.observations import Room, Seen
from processing.logic.schemas.options import DIALECT, Values
from processing.logic.schemas.references import token

MAX_EVENTS = 10_000
# Few values are a closed set only if each was seen again and again.
LEAST_REPEATS = 10  # times that a distinct value was seen, on the average
LEAST_VALUES = 50
MOST_INTEGERS = 5  # of a set; more are rather a quantity
EXACT = 2**53  # integers beyond it are not exact as floats

# The word "in" of the answer is none that a class can have.
Evidence = TypedDict("Evidence", {"pointer": str, "claim": str, "in": int, "of": int})


class Proposal(NamedTuple):
    """A schema that accepts all events it was made of, and what each of its claims rests on."""

    schema: dict[str, object]
    evidence: list[Evidence]
    events: int


def infer(events: Iterable[Values]) -> Proposal:
    """Propose a schema for the values of up to 10,000 events; the rest is not read.

    What almost all events have is in the evidence too ("required" in 9,998 of 10,000), though not in the schema. Limits
    are the lowest and highest value seen, rounded outwards, so that the next event is not refused for a little more.
    """
    seen = Seen(Room())
    for values in islice(events, MAX_EVENTS):
        seen.add(values)
    evidence: list[Evidence] = []
    schema = _schema(seen, "", evidence) if seen.count else {"type": "object"}
    return Proposal({"$schema": DIALECT, **schema}, evidence, seen.count)


def _schema(seen: Seen, pointer: str, evidence: list[Evidence]) -> dict[str, object]:
    if not seen.count:  # of an array that was always empty
        return {}
    claims = {**_types(seen, pointer, evidence), **_values(seen, pointer, evidence)}
    if seen.members and not seen.free_names:
        claims |= _members(seen, pointer, evidence)
    if seen.items is not None:
        claims["items"] = _schema(seen.items, f"{pointer}/*", evidence)
    return claims


def _note(evidence: list[Evidence], pointer: str, claim: str, having: int, of: int) -> None:
    evidence.append({"pointer": pointer, "claim": claim, "in": having, "of": of})


def _types(seen: Seen, pointer: str, evidence: list[Evidence]) -> dict[str, object]:
    counts = dict(seen.types)
    if "integer" in counts and "number" in counts:  # every integer is a number
        counts["number"] += counts.pop("integer")
    for name, count in sorted(counts.items()):
        claim = "nullable" if name == "null" and len(counts) > 1 else f"type {name}"
        _note(evidence, pointer, claim, count, seen.count)
    types = sorted(counts)
    return {"type": types[0] if len(types) == 1 else types}


def _values(seen: Seen, pointer: str, evidence: list[Evidence]) -> dict[str, object]:
    texts = seen.types["string"]
    if _is_closed_set(seen):
        values = sorted(seen.distinct, key=lambda value: (str(type(value)), value))
        _note(evidence, pointer, f"enum of {len(values)}", seen.distinct.total(), seen.count)
        others: list[object] = [None] if seen.types["null"] else []
        return {"enum": [*values, *others]}
    claims = _range(seen, pointer, evidence)
    if texts and seen.formats:
        _note(evidence, pointer, f"format {seen.formats[0]}", texts, texts)
        claims["format"] = seen.formats[0]
    return claims


def _is_closed_set(seen: Seen) -> bool:
    """Whether all values, but for nulls, were a few texts or integers, without a form that all of the texts have."""
    counted, integers = seen.distinct.total(), sum(isinstance(value, int) for value in seen.distinct)
    return (
        not seen.too_many
        and len(seen.distinct) >= 2
        and integers <= MOST_INTEGERS
        and not (seen.types["string"] and seen.formats)
        and counted == seen.count - seen.types["null"]
        and counted >= max(LEAST_VALUES, LEAST_REPEATS * len(seen.distinct))
    )


def _range(seen: Seen, pointer: str, evidence: list[Evidence]) -> dict[str, object]:
    # Of one value that is ever the same nothing is known but that.
    if seen.lowest is None or seen.highest is None or seen.lowest == seen.highest:
        return {}
    lower, upper = outwards(seen.lowest, seen.highest)
    _note(evidence, pointer, f"minimum {lower} (lowest seen: {seen.lowest})", seen.numbers, seen.numbers)
    _note(evidence, pointer, f"maximum {upper} (highest seen: {seen.highest})", seen.numbers, seen.numbers)
    return {"minimum": lower, "maximum": upper}


def outwards(lowest: int | float, highest: int | float) -> tuple[int | float, int | float]:
    """Return round limits that hold both values: -3.2 and 37.4 are within -10 and 40."""
    span = float(highest) - float(lowest)
    if not (math.isfinite(span) and span > 0) or max(abs(lowest), abs(highest)) >= EXACT:
        return lowest, highest
    digits = -math.floor(math.log10(span))
    lower = _plain(round(math.floor(lowest * 10.0**digits) / 10.0**digits, max(digits, 0)))
    upper = _plain(round(math.ceil(highest * 10.0**digits) / 10.0**digits, max(digits, 0)))
    # Rounding may miss the value itself by the last bit of a float.
    return min(lower, lowest), max(upper, highest)


def _plain(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _members(seen: Seen, pointer: str, evidence: list[Evidence]) -> dict[str, object]:
    objects = seen.types["object"]
    properties: dict[str, object] = {}
    for name, member in seen.members.items():
        place = f"{pointer}/{token(name)}"
        _note(evidence, place, "required", member.count, objects)
        properties[name] = _schema(member, place, evidence)
    required = [name for name, member in seen.members.items() if member.count == objects]
    return {"properties": properties, **({"required": required} if required else {})}
