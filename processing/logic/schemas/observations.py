"""What was seen of each field of some events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import jsonschema_rs

from processing.logic.schemas.messages import type_of
from processing.logic.schemas.options import OPTIONS

MAX_FIELDS = 500  # of one proposal; the fields seen later are left open
MAX_MEMBERS = 200  # of one object; with more its names are data rather than fields
MAX_DEPTH = 8  # levels that are looked into
MAX_DISTINCT = 20  # texts or integers that are remembered of a field
MAX_TEXT = 100  # characters of a text that is remembered
# Those that are told from the text alone. The first that fits all texts is proposed.
FORMATS = ("date-time", "date", "uuid", "ipv4", "ipv6", "email")


@cache
def checker(name: str) -> Callable[[str], bool]:
    """Return the check of a format that the compiled schema will make."""
    return jsonschema_rs.Draft202012Validator({"format": name}, **OPTIONS).is_valid


@dataclass
class Room:
    """How many more fields may be remembered."""

    fields: int = MAX_FIELDS


@dataclass
class Seen:
    """What was seen of one field: of the values that it had, and of the members and items in them."""

    room: Room
    depth: int = 0
    types: Counter[str] = field(default_factory=Counter)
    lowest: int | float | None = None
    highest: int | float | None = None
    distinct: Counter[str | int] = field(default_factory=Counter)
    too_many: bool = False  # distinct values to remember
    formats: list[str] = field(default_factory=lambda: list(FORMATS))
    members: dict[str, Seen] = field(default_factory=dict)
    free_names: bool = False
    items: Seen | None = None

    @property
    def count(self) -> int:
        return self.types.total()

    @property
    def numbers(self) -> int:
        return self.types["integer"] + self.types["number"]

    def add(self, value: object) -> None:
        self.types[type_of(value)] += 1
        if isinstance(value, str):
            self._add_text(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self._add_number(value)
        elif isinstance(value, dict) and self.depth < MAX_DEPTH:
            self._add_object(value)
        elif isinstance(value, list) and self.depth < MAX_DEPTH:
            self._add_items(value)

    def _add_text(self, text: str) -> None:
        self.formats = [name for name in self.formats if checker(name)(text)]
        self._remember(text, fits=len(text) <= MAX_TEXT)

    def _add_number(self, number: int | float) -> None:
        self.lowest = number if self.lowest is None else min(self.lowest, number)
        self.highest = number if self.highest is None else max(self.highest, number)
        if isinstance(number, int):
            self._remember(number, fits=True)

    def _remember(self, value: str | int, *, fits: bool) -> None:
        if self.too_many:
            return
        self.distinct[value] += 1
        self.too_many = not fits or len(self.distinct) > MAX_DISTINCT

    def _add_object(self, members: dict[str, object]) -> None:
        for name, value in members.items():
            seen = self.members.get(name) or self._member(name)
            if seen:
                seen.add(value)

    def _member(self, name: str) -> Seen | None:
        """Begin to remember a member, if there is room. One that comes too late is in no proposal."""
        if len(self.members) == MAX_MEMBERS:
            self.free_names = True
        if self.free_names or not self.room.fields:
            return None
        self.room.fields -= 1
        self.members[name] = Seen(self.room, self.depth + 1)
        return self.members[name]

    def _add_items(self, items: list[object]) -> None:
        self.items = self.items or Seen(self.room, self.depth + 1)
        for item in items:
            self.items.add(item)
