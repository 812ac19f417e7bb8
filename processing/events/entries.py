"""The events of a batch by columns: a list for each field of `Entry`, and one Entry only where somebody asks for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import chain
from typing import Any, overload

import msgspec

from processing.events.made import Made, as_sent


class Entry(msgspec.Struct, gc=False):
    """An event and its position in Kafka. A batch holds them by columns: `Entries`."""

    key: bytes  # document id: the event id's 16 bytes and 8 of the source's digest
    text: str  # the id as canonical UUID text
    source: str
    ts: int  # microseconds since the epoch
    received: int  # microseconds since the epoch
    payload: bytes  # the sender's JSON
    values: dict[str, object]  # the payload, decoded
    hash: int  # ingestion.events.identity.content_hash.content_hash
    partition: int
    offset: int
    line: int
    timed: bool = True  # False: `ts` is the receiver's, and the first copy's is kept
    attributes: bytes = b""  # a JSON object, or empty
    rolled: bool = True  # False: past its source's budget of rollup rows (processing.events.rollup_budget)
    made: Made | None = None  # what its row has, if logic changed it

    @property
    def id(self) -> bytes:
        """Return the event id's 16 bytes."""
        return self.key[:16]

    @property
    def row(self) -> Made:
        """Return what its row has."""
        return self.made or as_sent(self.values)


@dataclass(eq=False)
class Entries(Sequence[Entry]):
    """Events, whose fields stand in lists of equal length, in the order of the fields of `Entry`.

    The hot path goes over the lists: with an object for each event its pure parts take half as long again. Nothing is
    changed in place but `rolled`.
    """

    keys: list[bytes] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    values: list[dict[str, object]] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    partitions: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    timed: list[bool] = field(default_factory=list)
    attributes: list[bytes] = field(default_factory=list)
    rolled: list[bool] = field(default_factory=list)
    made: list[Made | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(set(map(len, self._all()))) > 1:
            raise ValueError("columns of different lengths")

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Entries:
        """Return events by columns; the same object, if they are already."""
        if isinstance(entries, cls):
            return entries
        return cls(*map(list, zip(*map(msgspec.structs.astuple, entries), strict=True)))

    @classmethod
    def joined(cls, parts: Sequence[Entries]) -> Entries:
        """Return the events of all parts, in their order."""
        columns = ([getattr(part, name) for part in parts] for name in _NAMES)
        return cls(*(list(chain.from_iterable(column)) for column in columns))

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Entries: ...
    def __getitem__(self, index: int | slice) -> Entry | Entries:
        if isinstance(index, slice):
            return Entries(*(column[index] for column in self._all()))
        return Entry(*(column[index] for column in self._all()))

    def __iter__(self) -> Iterator[Entry]:
        return map(Entry, *self._all())

    def select(self, indexes: Sequence[int]) -> Entries:
        """Return some of the events, in the order of the indexes."""
        return Entries(*([column[index] for index in indexes] for column in self._all()))

    def without(self, keys: Iterable[bytes]) -> Entries:
        """Return the events except those with these keys."""
        gone = set(keys)
        return self.select([index for index, key in enumerate(self.keys) if key not in gone])

    def at_times(self, times: Mapping[bytes, int]) -> Entries:
        """Return the events, some of them at another time, by key."""
        found = self[:]
        found.times = [times.get(key, ts) for key, ts in zip(self.keys, self.times, strict=True)]
        return found

    def with_made(self, made: Mapping[int, Made]) -> Entries:
        """Return the events with what logic made of them, by index; the others are as sent."""
        # The same lists, and what is known of them.
        found = copy(self)
        for name in ("is_as_sent", "row_values", "row_payloads"):
            found.__dict__.pop(name, None)
        found.made = list(map(made.get, range(len(self))))
        return found

    @cached_property
    def is_as_sent(self) -> bool:
        """Whether logic has done nothing with any of the events."""
        return not any(self.made)

    @cached_property
    def row_values(self) -> list[dict[str, object]]:
        """The payloads of the rows, decoded."""
        return (
            self.values
            if self.is_as_sent
            else [made.values if made else sent for made, sent in zip(self.made, self.values, strict=True)]
        )

    @cached_property
    def row_payloads(self) -> list[bytes]:
        """The payloads of the rows as JSON."""
        return (
            self.payloads
            if self.is_as_sent
            else [made.payload(sent) if made else sent for made, sent in zip(self.made, self.payloads, strict=True)]
        )

    @cached_property
    def by_source(self) -> dict[str, list[int]]:
        """The indexes of each source's events."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for index, source in enumerate(self.sources):
            found[source].append(index)
        return found

    def _all(self) -> Iterator[list[Any]]:
        return (getattr(self, name) for name in _NAMES)


_NAMES = [each.name for each in fields(Entries)]
