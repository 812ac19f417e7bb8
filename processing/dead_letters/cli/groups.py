"""Dead letters by cause, for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, Q, QuerySet

from ingestion.events.timestamps import to_whole_seconds
from processing.models import DeadLetter

_OPEN = DeadLetter.State.OPEN


@dataclass(frozen=True, slots=True)
class Group:
    """The letters that share a fingerprint: the same cause at the same place."""

    fingerprint: str
    reason: str
    detail: str  # of the newest letter
    open: int
    letters: int
    source_ids: int
    source_id: str  # of the newest letter
    first_seen: datetime
    last_seen: datetime

    def shape(self) -> dict[str, object]:
        """Return it for programs."""
        return {
            "fingerprint": self.fingerprint,
            "reason": self.reason,
            "detail": self.detail,
            "open": self.open,
            "letters": self.letters,
            "sources": self.source_ids,
            "newestSourceId": self.source_id,
            "firstSeen": to_whole_seconds(self.first_seen),
            "lastSeen": to_whole_seconds(self.last_seen),
        }


def open_first(chosen: QuerySet[DeadLetter], limit: int) -> list[DeadLetter]:
    """Return letters of a selection: open ones, which wait for somebody, before the others; the newest first."""
    letters = chosen.select_related("topic").defer("raw", "edited").order_by("-id")
    # Two statements, since each has its index.
    found = list(letters.filter(state=_OPEN)[:limit])
    return [*found, *letters.exclude(state=_OPEN)[: limit - len(found)]]


def by_cause(chosen: QuerySet[DeadLetter], limit: int) -> list[Group]:
    """Return the causes of a selection: those with the most open letters first."""
    counted = (
        chosen.order_by()
        .values("fingerprint")
        .annotate(
            newest=Max("id"),
            letters=Count("id"),
            open=Count("id", filter=Q(state=_OPEN)),
            source_ids=Count("source_id", distinct=True),
            first=Min("first_seen"),
            last=Max("first_seen"),
        )
        .order_by("-open", "-letters", "fingerprint")[:limit]
    )
    rows = list(counted)
    newest = _newest([row["newest"] for row in rows])
    return [
        Group(
            row["fingerprint"],
            newest[row["newest"]].reason,
            newest[row["newest"]].detail,
            row["open"],
            row["letters"],
            row["source_ids"],
            newest[row["newest"]].source_id,
            row["first"],
            row["last"],
        )
        for row in rows
        if row["newest"] in newest
    ]


def _newest(numbers: Sequence[int]) -> dict[int, DeadLetter]:
    return DeadLetter.objects.defer("raw", "edited").in_bulk(numbers)
