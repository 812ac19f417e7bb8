"""Proves that rows have what their revision of logic makes of what was sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import psycopg

from processing.events.entries import Entries, Entry
from processing.events.made import Made, as_sent
from processing.logic import current_logic
from processing.logic.engine import Logic
from processing.recovery.recount import readers, sent_events
from processing.recovery.recount.sent_events import Origin
from processing.stores.mongodb.document_store import DocumentStore


class StoredRow(NamedTuple):
    """A row of `events`."""

    event: Entry
    revision: int  # of the logic that made it; 0: none did


class RowContent:
    """Loads revisions as they are needed."""

    def __init__(self, connection: psycopg.Connection, documents: DocumentStore) -> None:
        self._connection = connection
        self._documents = documents
        self._known: dict[int, Logic] = {}

    def differing(self, rows: Sequence[StoredRow]) -> list[Entry]:
        """Return the events of rows that have neither what was sent nor what logic makes of it.

        A row that logic changed is left out where it has no intact document, which is a difference of its own.

        :raises StoreUnavailable: MongoDB does not answer
        :raises NeedsOperator: this release can't read a revision
        """
        by_revision: defaultdict[int, list[Entry]] = defaultdict(list)
        for event, revision in rows:
            by_revision[revision].append(event)
        wrong = [event for event in by_revision.pop(0, ()) if event.made or not readers.is_as_sent(event)]
        for revision, events in by_revision.items():
            whole = {event.key: event for event in events if readers.is_changed(event) or readers.is_as_sent(event)}
            wrong += [event for event in events if event.key not in whole]
            for key, made in self._judged(list(self._sent(whole)), revision):
                if made is None or not whole[key].row.is_like(made):
                    wrong.append(whole[key])
        return wrong

    def _sent(self, events: Mapping[bytes, Entry]) -> Iterator[Entry]:
        changed = {key: Origin.of(event) for key, event in events.items() if readers.is_changed(event)}
        for key, event in events.items():
            if key not in changed:
                yield msgspec.structs.replace(event, made=None)
        yield from sent_events.read(self._documents, changed)

    def _judged(self, events: list[Entry], revision: int) -> Iterator[tuple[bytes, Made | None]]:
        """Yield what the rows of events should have, by key; None: no row, as logic drops or rejects the event."""
        if revision not in self._known:
            with self._connection.cursor() as cursor:
                self._known[revision] = current_logic.load(cursor, revision)
        judged = self._known[revision].judge(Entries.of(events))
        for gone in (*judged.dropped, *(found.entry for found in judged.rejected)):
            yield gone.key, None
        kept = judged.kept
        for key, made, values in zip(kept.keys, kept.made, kept.values, strict=True):
            yield key, made or as_sent(values)
