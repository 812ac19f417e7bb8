"""What differs between two contents: a list for programs, lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from processing.logic.content import Content, RuleContent, SchemaContent, UnitContent
from processing.logic.revisions.pointers import escaped

Part = TypeVar("Part", RuleContent, SchemaContent, UnitContent)
NamedPart = TypeVar("NamedPart", RuleContent, SchemaContent)

MAX_SHOWN = 300  # characters of a value within a line


class Change(msgspec.Struct, frozen=True):
    """One difference. What is new has no `before`, what is gone no `after`."""

    pointer: str  # into the later content; of what is gone, into the earlier one
    what: str  # for people: "rule hot: when"
    before: object
    after: object


class _Parts(NamedTuple, Generic[Part]):
    """The parts of one kind, by name, as both contents have them."""

    member: str  # of Content
    kind: str
    before: Mapping[str, Part]
    after: Mapping[str, Part]


def changes(before: Content, after: Content) -> list[Change]:
    """Return how the later content differs from the earlier one, in a fixed order."""
    rules = _Parts("rules", "rule", _by_name(before.rules), _by_name(after.rules))
    schemas = _Parts("schemas", "schema", _by_name(before.schemas), _by_name(after.schemas))
    units = _Parts("units", "unit of", _by_field(before.units), _by_field(after.units))
    return [
        *_of_parts(rules),
        *_order("rules", "order of rules", rules.before, rules.after),
        *_of_parts(schemas),
        *_order("schemas", "order of schemas", schemas.before, schemas.after),
        *_of_members("tables", "table", before.tables, after.tables),
        *_of_parts(units),
        *_order("units", "order of units", units.before, units.after),
        *_of_members("labels", "labels of", before.labels, after.labels),
    ]


def as_text(found: Sequence[Change]) -> str:
    """Return changes as lines: `+` is new, `-` is gone, `~` is another; empty: there are none."""
    return "\n".join(line for change in found for line in _lines(change))


def _by_name(parts: Sequence[NamedPart]) -> dict[str, NamedPart]:
    return {part.name: part for part in parts}


def _by_field(units: Sequence[UnitContent]) -> dict[str, UnitContent]:
    return {f"{unit.field} of {unit.sources}": unit for unit in units}


def _of_parts(parts: _Parts[Part]) -> Iterator[Change]:
    places = {name: index for index, name in enumerate(parts.after)}
    for index, (name, old) in enumerate(parts.before.items()):
        if name not in places:
            yield Change(f"/{parts.member}/{index}", f"{parts.kind} {name}", msgspec.to_builtins(old), None)
    for name, index in places.items():
        pointer, what = f"/{parts.member}/{index}", f"{parts.kind} {name}"
        new = parts.after[name]
        if name not in parts.before:
            yield Change(pointer, what, None, msgspec.to_builtins(new))
        elif parts.before[name] != new:
            yield from _of_fields(pointer, what, parts.before[name], new)


def _of_fields(pointer: str, what: str, old: Part, new: Part) -> Iterator[Change]:
    for field in new.__struct_fields__:
        values = [msgspec.to_builtins(getattr(part, field)) for part in (old, new)]
        if values[0] != values[1]:
            yield Change(f"{pointer}/{field}", f"{what}: {field}", *values)


def _of_members(member: str, kind: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            pointer = f"/{member}/{escaped(name)}"
            yield Change(pointer, f"{kind} {name}", before.get(name), after.get(name))


def _order(member: str, what: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
    old, new = [name for name in before if name in after], [name for name in after if name in before]
    if old != new:
        yield Change(f"/{member}", what, old, new)


def _lines(change: Change) -> Iterator[str]:
    if change.before is None:
        yield f"+ {change.what}"
        yield from _indented("+", change.after)
    elif change.after is None:
        yield f"- {change.what}"
        yield from _indented("-", change.before)
    elif isinstance(change.before, list | dict) or isinstance(change.after, list | dict):
        yield f"~ {change.what}"
        yield from _indented("-", change.before)
        yield from _indented("+", change.after)
    else:
        yield f"~ {change.what}: {_shown(change.before)} -> {_shown(change.after)}"


def _indented(sign: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield f"    {sign} {name}: {_shown(member)}"
    elif isinstance(value, list):
        for item in value:
            yield f"    {sign} {_shown(item)}"
    else:
        yield f"    {sign} {_shown(value)}"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) and value.isprintable() else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
