"""Which fields of a source are shown, and the form that chooses them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from queries.schemas import FieldShape, TypeSample

CHARTS = 24  # numeric fields on one page
STATES = 6  # text and boolean fields
LISTED = 120  # fields that the form offers at once; a search finds further ones
STATED = {"text", "boolean"}


class Chosen(NamedTuple):
    """The fields that are shown, in order of name."""

    numeric: Sequence[FieldShape]
    states: Sequence[str]
    only: str | None  # the single field that was asked for


class Option(NamedTuple):
    """A field of the form."""

    name: str
    chosen: bool


class Form(NamedTuple):
    """The form that chooses fields."""

    options: Sequence[Option]
    find: str
    total: int  # fields that can be shown
    shown: int
    left_out: int  # fields that match, and are not offered


def stated(sample: TypeSample | None) -> list[str]:
    """Return the fields that are text or boolean in most of the newest events that have them, by name."""
    return [each["name"] for each in (sample["fields"] if sample else []) if each["types"][0]["type"] in STATED]


def chosen(names: Sequence[str], numeric: Sequence[FieldShape], states: Sequence[str]) -> Chosen:
    """Return what the address asks for; without names, all fields."""
    wanted = {each for each in names if each}
    fields = sorted(numeric, key=lambda field: field["name"])
    if not wanted:
        return Chosen(fields, states, None)
    return Chosen(
        [each for each in fields if each["name"] in wanted],
        [each for each in states if each in wanted],
        next(iter(wanted)) if len(wanted) == 1 else None,
    )


def form(names: Collection[str], find: str, fields: Collection[str], *, shown: int) -> Form:
    """Return the form: the fields that match a search, and those that are chosen.

    :param fields: all that can be shown
    :param shown: how many of them are
    """
    wanted = find.strip().casefold()
    matching = [each for each in sorted(fields) if wanted in each.casefold() or each in names]
    # The chosen ones stay, whatever is searched for.
    listed = sorted(matching, key=lambda name: name not in names)[:LISTED]
    options = [Option(name, name in names) for name in sorted(listed)]
    return Form(options, find.strip(), len(fields), shown, len(matching) - len(options))
