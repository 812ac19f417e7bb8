"""Which dead letters are meant: the one set of filters that API, admin, command line and jobs share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from ingestion.problems import Code, in_words
from processing.models import DeadLetter, DeadLetterAction

MOST_COUNTED = 10_000  # letters; a page says "10,000 or more"

State = DeadLetter.State
# What a redrive or a discard takes without being told. `sent` and `parked` have to be asked for by name or by number.
READY = (State.OPEN,)
MENDABLE = (State.OPEN, State.PARKED)  # by number


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Filters that all have to hold; None and () are no filter."""

    ids: tuple[int, ...] = ()
    state: str | None = None  # DeadLetter.State
    reason: str | None = None  # ingestion.problems.Code
    source_id: str | None = None  # '': those whose source can't be read
    fingerprint: str | None = None
    stage: str | None = None
    topic: str | None = None  # its name
    partition: int | None = None
    since: datetime | None = None  # first seen then or later
    until: datetime | None = None  # first seen before
    event_id: UUID | None = None
    text: str | None = None  # anywhere in the detail, or in the reason or its words, whatever its case

    def query(self, *, up_to: int | None = None) -> QuerySet[DeadLetter]:
        """Give the letters in no order.

        :param up_to: the last number that is meant, as `newest` gave it
        """
        wanted = {lookup: getattr(self, name) for name, lookup in _LOOKUPS.items()}
        found = DeadLetter.objects.filter(**{key: value for key, value in wanted.items() if value not in (None, ())})
        if up_to is not None:
            found = found.filter(id__lte=up_to)
        return found if self.text is None else found.filter(_says(self.text))

    def actionable(self, *, up_to: int | None = None) -> QuerySet[DeadLetter]:
        """Give those that a redrive or a discard is to take."""
        found = self.query(up_to=up_to)
        if self.state == State.SENT:
            return on_their_way(found)
        if self.state is not None:
            return found.filter(state__in=MENDABLE)
        return found.filter(state__in=MENDABLE if self.ids else READY)

    def to_mapping(self) -> dict[str, Any]:
        """Give the filters that are set, as JSON: the arguments of a job."""
        found = {name: getattr(self, name) for name in _NAMES}
        return {name: _as_json(value) for name, value in found.items() if value not in (None, ())}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Read what `to_mapping` gave.

        :raises ValueError: a filter that does not exist, or a value that it can't have
        """
        unknown = mapping.keys() - _NAMES
        if unknown:
            raise ValueError(f"no such filter: {', '.join(sorted(unknown))}")
        return cls(**{name: _READERS[name](value) if name in _READERS else value for name, value in mapping.items()})


def on_their_way(letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
    """Give those that were sent and have not come to any end; one that failed again has left its place to a newer one."""
    return letters.filter(state=State.SENT).exclude(Exists(_failed()))


def superseded(letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
    """Give those that were sent and failed again."""
    return letters.filter(state=State.SENT).filter(Exists(_failed()))


def _failed() -> QuerySet[DeadLetterAction]:
    return DeadLetterAction.objects.filter(
        letter=OuterRef("pk"), kind=DeadLetterAction.Kind.FAILED, at__gte=OuterRef("sent_at")
    )


def _says(text: str) -> Q:
    small = text.casefold()
    reasons = [code.value for code in Code if small in code.value or small in in_words(code).casefold()]
    return Q(detail__icontains=text) | Q(reason__in=reasons)


def newest() -> int:
    """Give the number of the newest letter of all, 0 without any: what comes in later was counted by nobody.

    Only a batch that is being stored in this very moment may still bring older numbers.
    """
    return DeadLetter.objects.aggregate(last=Max("id"))["last"] or 0


def count(letters: QuerySet[DeadLetter], *, most: int = MOST_COUNTED) -> int:
    """Count, but no further than `most`: there may be millions."""
    return letters.order_by()[:most].count()


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


_READERS: dict[str, Callable[[Any], Any]] = {
    "ids": tuple,
    "since": datetime.fromisoformat,
    "until": datetime.fromisoformat,
    "event_id": UUID,
}
_NAMES = [field.name for field in fields(Selection)]
_LOOKUPS = {name: name for name in _NAMES if name != "text"} | {
    "ids": "id__in",
    "topic": "topic__name",
    "since": "first_seen__gte",
    "until": "first_seen__lt",
}
