"""How one source is."""

from __future__ import annotations

from datetime import datetime

from ingestion.auth.read_scope import ReadScope
from queries.sources.health import index, rows
from queries.sources.health.rows import SourceHealth


def read(source_id: str, *, scope: ReadScope, now: datetime) -> SourceHealth | None:
    """Return how a source is; None: it is not known, or outside the scope.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    found = index.fresh(scope=scope.narrowed(source_id), now=now)
    return next(iter(rows.of(found.sources, scope=scope, now=now)), None)
