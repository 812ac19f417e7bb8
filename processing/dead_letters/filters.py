"""The filters that choose dead letters, shared by the API, the admin, the command line and jobs.

A `DeadLetter` is a row of any state; *letter* is short for it. `processing.events.batch.Letter` is one that is not stored yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from ingestion.problems import Code, in_words
from processing.models import DeadLetter, DeadLetterAction

MAX_COUNTED = 10_000  # letters; a page says "10,000 or more"

State = DeadLetter.State
# Redrive and discard take open letters by default, parked ones by number or state, sent ones only by state.
READY = (State.OPEN,)
REDRIVABLE = (State.OPEN, State.PARKED)
WAITING = "waiting"  # in a filter: any of these states, in which letters wait for somebody


def _matches(lookup: str, from_json: Callable[[Any], Any] | None = None) -> Mapping[str, Any]:
    """Return the metadata of one filter.

    :param lookup: Django's lookup; '' for a filter that `query` applies itself
    :param from_json: reads a value that `to_mapping` wrote; None: JSON has the type
    """
    return {"lookup": lookup, "from_json": from_json}


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Filters that must all match; None and () are no filter.

    A new filter is a line here, an option in processing.dead_letters.cli.arguments and a member of queries.dead_letters.filters.Filter.
    """

    ids: tuple[int, ...] = field(default=(), metadata=_matches("id__in", tuple))
    state: str | None = field(default=None, metadata=_matches(""))  # DeadLetter.State, or WAITING
    reason: str | None = field(default=None, metadata=_matches("reason"))  # ingestion.problems.Code
    # '': letters whose source can't be read
    source_id: str | None = field(default=None, metadata=_matches("source_id"))
    fingerprint: str | None = field(default=None, metadata=_matches("fingerprint"))
    stage: str | None = field(default=None, metadata=_matches("stage"))
    # '': the reason is not about a place. With reason and stage: one cause, whatever the source.
    pointer: str | None = field(default=None, metadata=_matches("pointer"))
    topic: str | None = field(default=None, metadata=_matches("topic__name"))
    partition: int | None = field(default=None, metadata=_matches("partition"))
    since: datetime | None = field(default=None, metadata=_matches("first_seen__gte", datetime.fromisoformat))
    until: datetime | None = field(default=None, metadata=_matches("first_seen__lt", datetime.fromisoformat))
    # When its line was received, as the ledger counts.
    received_start: datetime | None = field(default=None, metadata=_matches("received__gte", datetime.fromisoformat))
    received_end: datetime | None = field(default=None, metadata=_matches("received__lt", datetime.fromisoformat))
    event_id: UUID | None = field(default=None, metadata=_matches("event_id", UUID))
    # Part of the detail, of the reason code or of its words; any case.
    text: str | None = field(default=None, metadata=_matches(""))
    # A job that redrove, discarded or reopened them.
    job: int | None = field(default=None, metadata=_matches(""))

    def query(self, *, up_to: int | None = None) -> QuerySet[DeadLetter]:
        """Return the matching letters, unordered.

        :param up_to: the highest number to include, as returned by `newest`
        """
        wanted = {one.metadata["lookup"]: getattr(self, one.name) for one in _FILTERS if one.metadata["lookup"]}
        found = DeadLetter.objects.filter(**{key: value for key, value in wanted.items() if value not in (None, ())})
        if up_to is not None:
            found = found.filter(id__lte=up_to)
        if self.state is not None:
            found = found.filter(state__in=REDRIVABLE if self.state == WAITING else [self.state])
        if self.job is not None:
            found = found.filter(Exists(DeadLetterAction.objects.filter(letter=OuterRef("pk"), job=self.job)))
        return found if self.text is None else found.filter(_contains(self.text))

    def actionable(self, *, up_to: int | None = None) -> QuerySet[DeadLetter]:
        """Return those that a redrive or a discard may take."""
        found = self.query(up_to=up_to)
        if self.state == State.SENT:
            return in_flight(found)
        if self.state is not None:
            return found.filter(state__in=REDRIVABLE)
        return found.filter(state__in=REDRIVABLE if self.ids else READY)

    @property
    def is_one_cause(self) -> bool:
        """Return whether all matching letters have one cause."""
        return self.fingerprint is not None or None not in (self.reason, self.stage, self.pointer)

    def without(self, name: str) -> Self:
        """Return the other filters."""
        return replace(self, **{name: None})  # type: ignore[arg-type]  # by name: each may be None but the numbers

    def to_mapping(self) -> dict[str, Any]:
        """Return the filters that are set, as JSON, for the arguments of a job."""
        found = {one.name: getattr(self, one.name) for one in _FILTERS}
        return {name: _as_json(value) for name, value in found.items() if value not in (None, ())}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Build a selection from what `to_mapping` returned.

        :raises ValueError: there is no such filter, or its value is invalid
        """
        readers = {one.name: one.metadata["from_json"] for one in _FILTERS}
        unknown = mapping.keys() - readers
        if unknown:
            raise ValueError(f"no such filter: {', '.join(sorted(unknown))}")
        return cls(**{name: read(value) if (read := readers[name]) else value for name, value in mapping.items()})


def in_flight(letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
    """Return those that were sent and have no outcome yet. One that failed again was replaced by a newer letter."""
    return letters.filter(state=State.SENT).exclude(Exists(_failed()))


def superseded(letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
    """Return those that were sent and failed again."""
    return letters.filter(state=State.SENT).filter(Exists(_failed()))


def _failed() -> QuerySet[DeadLetterAction]:
    return DeadLetterAction.objects.filter(
        letter=OuterRef("pk"), kind=DeadLetterAction.Kind.FAILED, at__gte=OuterRef("sent_at")
    )


def _contains(text: str) -> Q:
    folded = text.casefold()
    reasons = [code.value for code in Code if folded in code.value or folded in in_words(code).casefold()]
    return Q(detail__icontains=text) | Q(reason__in=reasons)


def related_letters(letter: DeadLetter) -> QuerySet[DeadLetter]:
    """Return the letter and all others of its event: the first one, and those that failed redrives left.

    They come in order and without their bytes.
    """
    root = letter.root_id or letter.pk
    return DeadLetter.objects.filter(Q(pk=root) | Q(root=root)).defer("raw", "edited").order_by("id")


def newest() -> int:
    """Return the highest number of any letter, 0 without letters. Letters that arrive later have higher numbers.

    Only a batch that is being stored right now may still add lower ones.
    """
    return DeadLetter.objects.aggregate(last=Max("id"))["last"] or 0


def count(letters: QuerySet[DeadLetter], *, most: int = MAX_COUNTED) -> int:
    """Return the number of letters, at most `most`: there may be millions."""
    return letters.order_by()[:most].count()


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


_FILTERS = fields(LetterFilter)
