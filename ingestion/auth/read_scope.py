"""Which sources a reader may see. Every read of stored or live data takes a `ReadScope` and filters by it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models.expressions import RawSQL

from ingestion.problems import Code, RequestRejected

WHOLE_ONLY = "this is about all sources together, and the key or user is for some of them"

# Above it a filter of Django's has the sources as one value: of a value each, 100,000 take seconds to be made and planned.
MOST_VALUES = 1_000

SqlCondition = tuple[str, list[str | list[str]]]  # a part of a WHERE clause, and its values


@dataclass(frozen=True, slots=True)
class ReadScope:
    """The sources that a reader may see: all, or those in `sources`.

    Reads take it as an argument without a default, so that none can be written without one.
    """

    sources: frozenset[str] | None  # None: all, with the lines whose source can't be read

    @property
    def whole(self) -> bool:
        """Return whether the reader may see everything, totals over all sources included."""
        return self.sources is None

    def includes(self, source_id: str) -> bool:
        """Return whether the reader may see this source."""
        return self.sources is None or source_id in self.sources

    def covers(self, source_ids: Iterable[str]) -> bool:
        """Return whether the reader may see every one of these sources."""
        return self.sources is None or self.sources.issuperset(source_ids)

    def narrowed(self, source_id: str | None) -> ReadScope:
        """Return the scope of a request that names this source; None: it names none.

        A source outside leaves nothing, as one that does not exist does: the answer must not tell which of them it is.
        """
        return self.among(None if source_id is None else (source_id,))

    def among(self, sources: Collection[str] | None) -> ReadScope:
        """Return the part of the scope that is among these sources; None: all of it."""
        if sources is None:
            return self
        return ReadScope(frozenset(sources) if self.sources is None else self.sources & frozenset(sources))

    def require_whole(self) -> None:
        """Check that the reader may see everything, for what can't be divided by source.

        :raises RequestRejected: the reader may see some sources
        """
        if self.sources is not None:
            raise RequestRejected(Code.SOURCE_NOT_ALLOWED, WHOLE_ONLY)

    def lookup(self, field: str = "source_id") -> dict[str, list[str] | RawSQL]:
        """Return the filter as an argument of Django's `filter`."""
        if self.sources is None:
            return {}
        named = sorted(self.sources)
        return {f"{field}__in": named if len(named) <= MOST_VALUES else RawSQL("SELECT unnest(%s::text[])", [named])}

    def condition(self) -> SqlCondition:
        """Return the filter as a condition on the column `source_id`."""
        if self.sources is None:
            return "true", []
        if len(self.sources) == 1:
            # Not ANY: the planner then knows that the rows of an index on (source_id, ts) are in order of `ts`.
            return "source_id = %s", [*self.sources]
        return "source_id = ANY(%s)", [sorted(self.sources)]

    @property
    def cache_key(self) -> str:
        """Return a text that is the same for equal scopes only, so that they share no cached answer with others."""
        if self.sources is None:
            return "all"
        if not self.sources:
            # Not the hash of nothing, which is that of the source "", too.
            return "none"
        # No source id contains a line feed.
        return hashlib.sha256("\n".join(sorted(self.sources)).encode()).hexdigest()


EVERYTHING = ReadScope(None)
