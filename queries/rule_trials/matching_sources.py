"""The sources that a rule is for, those that sent last first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_

from django.db.models import Q

from ingestion.auth.read_scope import ReadScope
from ingestion.auth.source_patterns import ANY
from ingestion.models import Source
from processing.models import SourceStatistics
from queries.reads import postgres

MOST_PATTERNS = 100  # of a rule


def newest(patterns: Sequence[str], labels: Mapping[str, str], *, scope: ReadScope, count: int) -> list[str]:
    """Return the sources of these patterns, or with all of these labels, that sent last; without any of all sources.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    known = SourceStatistics.objects.filter(**scope.lookup()).exclude(source_id="").order_by("-last_seen")
    if patterns and ANY not in patterns:
        known = known.filter(reduce(or_, map(_of, patterns[:MOST_PATTERNS])))
    if labels:
        known = known.filter(source_id__in=Source.objects.filter(labels__contains=dict(labels)).values("source_id"))
    with postgres.bounded():
        return list(known.values_list("source_id", flat=True)[:count])


def _of(pattern: str) -> Q:
    if pattern.endswith(ANY):
        return Q(source_id__startswith=pattern.removesuffix(ANY))
    return Q(source_id=pattern)
