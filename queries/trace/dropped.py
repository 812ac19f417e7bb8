"""Where in the topic an event may be that a rule dropped: of such an event nothing is kept but the minutes' counts."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import zip_longest

from ingestion.auth.read_scope import ReadScope
from processing.kafka.topic_search import Period
from processing.models import RuleCount
from queries.reads import postgres

MOST = 5_000  # minutes of partitions; the newest
_LONGEST = timedelta(hours=1)  # of a period, since each is read from its beginning, and the newest first
_MINUTE = timedelta(minutes=1)
_GAP = timedelta(minutes=5)  # between two minutes that are read in one go
# A record is written after its events were received, and producers write side by side.
_LATER = timedelta(minutes=1)


def periods(within: ReadScope) -> tuple[list[dict[int, Period]], bool]:
    """Return the periods in which rules dropped events of a scope, the newest first, by partition; and whether that is all.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    try:
        with postgres.bounded():
            counted = RuleCount.objects.filter(**within.lookup(), dropped__gt=0).order_by("-minute")
            rows = list(counted.values_list("partition", "minute").distinct()[: MOST + 1])
    except postgres.QueryTimeout:
        return [], False
    found: defaultdict[int, list[Period]] = defaultdict(list)
    for partition, minute in rows[:MOST]:
        own, begin, end = found[partition], minute, minute + _MINUTE + _LATER
        if own and own[-1].begin - end <= _GAP and own[-1].end - begin <= _LONGEST:
            own[-1] = Period(begin, own[-1].end)
        else:
            own.append(Period(begin, end))
    rounds = zip_longest(*([(partition, each) for each in own] for partition, own in found.items()))
    return [dict(filter(None, each)) for each in rounds], len(rows) <= MOST
