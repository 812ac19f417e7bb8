"""Holds each source to its number of rolled-up fields (DATAFLOW_MAX_FIELDS_PER_SOURCE)."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from django.conf import settings

from processing.events.rollups import Spans

# A source's known fields are remembered for so many sources; most share one set, so an entry costs some 200 bytes.
_REMEMBERED_SOURCES = 20_000


class FieldLimit:
    """What has been rolled up of each source so far, as latest_value says; for one thread."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}
        self._sets: dict[frozenset[str], frozenset[str]] = {}

    def cap(self, connection: psycopg.Connection, minutes: Spans, hours: Spans) -> tuple[set[str], Callable[[], None]]:
        """Remove fields past the cap from the spans; return the sources that had any, and what to call after the commit."""
        seen: dict[str, set[str]] = {}
        for (source, _), rolled in hours.items():
            seen.setdefault(source, set()).update(rolled)
        grown = {source: names for source, names in seen.items() if not names <= self._known.get(source, frozenset())}
        if not grown:
            return set(), lambda: None
        self._load(connection, [source for source in grown if source not in self._known])
        capped: set[str] = set()
        allowed: dict[str, frozenset[str]] = {}
        for source, names in grown.items():
            known = self._known.get(source, frozenset())
            room = max(0, settings.DATAFLOW_MAX_FIELDS_PER_SOURCE - len(known))
            fresh = sorted(names - known)
            allowed[source] = known | frozenset(fresh[:room])
            if len(fresh) > room:
                capped.add(source)
        if capped:
            for spans in (minutes, hours):
                _keep(spans, {source: allowed[source] for source in capped})
        return capped, lambda: self._remember(allowed)

    def _load(self, connection: psycopg.Connection, sources: list[str]) -> None:
        if not sources:
            return
        found: dict[str, set[str]] = {source: set() for source in sources}
        for source, field in connection.execute(
            "SELECT source_id, field FROM latest_value WHERE source_id = ANY(%s)", [sources]
        ):
            found[source].add(field)
        self._remember({source: frozenset(fields) for source, fields in found.items()})

    def _remember(self, fields: dict[str, frozenset[str]]) -> None:
        if len(self._known) > _REMEMBERED_SOURCES:
            self._known.clear()
            self._sets.clear()
        for source, names in fields.items():
            self._known[source] = self._sets.setdefault(names, names)


def _keep(spans: Spans, allowed: dict[str, frozenset[str]]) -> None:
    for (source, _), fields in spans.items():
        if source in allowed:
            for name in fields.keys() - allowed[source]:
                fields.pop(name)
