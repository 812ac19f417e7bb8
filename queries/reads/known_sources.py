"""Which sources patterns stand for, among those of which anything was ever read."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_

from django.db.models import Q

from ingestion.auth.read_scope import ReadScope
from ingestion.auth.source_patterns import ANY
from processing.models import SourceStatistics
from queries.reads import postgres


class TooManySources(Exception):
    """Patterns stand for more sources than one request may read; ask for narrower ones."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit


def resolve(patterns: Iterable[str], *, scope: ReadScope, limit: int) -> frozenset[str]:
    """Return the sources in a scope that patterns stand for; those without a `*` whether or not anything was read of them.

    :raises TooManySources: there are more than `limit`
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    given = set(patterns)
    ids = {each for each in given if not each.endswith(ANY)}
    found = set(filter(scope.includes, ids))
    beginnings = given - ids
    if beginnings:
        # By the index for LIKE that a text has as a primary key.
        wanted = reduce(or_, (Q(source_id__startswith=each.removesuffix(ANY)) for each in sorted(beginnings)))
        known = SourceStatistics.objects.filter(wanted, **scope.lookup()).exclude(source_id="").order_by()
        with postgres.bounded():
            found |= set(known.values_list("source_id", flat=True)[: limit + 1])
    if len(found) > limit:
        raise TooManySources(limit)
    return frozenset(found)
