"""What was sent, of events whose rows no longer have it: from their documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from processing.events.entries import Entries, Entry
from processing.stores.mongodb.document_store import DocumentStore
from processing.stores.mongodb.stored_events import events_of


class Origin(NamedTuple):
    """The time and place of a row; its document may be an earlier copy's."""

    ts: int | None  # microseconds since the epoch; None: the document's
    received: int
    partition: int
    offset: int
    line: int

    @classmethod
    def of(cls, entry: Entry) -> Origin:
        """Return those of an event's row."""
        return cls(entry.ts, entry.received, entry.partition, entry.offset, entry.line)


def read(documents: DocumentStore, origins: Mapping[bytes, Origin]) -> Entries:
    """Return what was sent, at the time and place of each row; nothing where there is no intact document.

    :param origins: by document id
    :raises StoreUnavailable: MongoDB does not answer
    """
    if not origins:
        return Entries()
    found = events_of(documents.find(list(origins))).events
    if not found:
        return found
    times, *places = map(list, zip(*map(origins.__getitem__, found.keys), strict=True))
    found.times = [sent if ts is None else ts for ts, sent in zip(times, found.times, strict=True)]
    found.received, found.partitions, found.offsets, found.lines = places
    return found
