"""Translate query parameters of the admin into a selection of letters: the list's filters, or single numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypedDict
from uuid import UUID

from django.http import QueryDict

from ingestion.problems import in_words
from processing.dead_letters.filters import LetterFilter
from processing.models import DeadLetter

# Parameters of the list -> fields of LetterFilter.
FACETS = {
    "state": "state",
    "reason": "reason",
    "source": "source_id",
    "stage": "stage",
    "fingerprint": "fingerprint",
}
SINCE = "since"
SEARCH = "q"
# All parameters except the search.
PARAMETERS = (*FACETS, SINCE)
IDS = "ids"
NONE = (0,)  # matches no letter
MAX_DIGITS = 18
NEVER = datetime.max.replace(tzinfo=UTC)


class SearchFilters(TypedDict, total=False):
    """The filters that a search text stands for."""

    event_id: UUID
    source_id: str
    text: str


def parse_search(search: str) -> SearchFilters:
    """Parse a search text: an event id, the source of some letter, or else a text in the detail or reason."""
    text = search.strip()
    if not text:
        return {}
    try:
        return {"event_id": UUID(text)}
    except ValueError:
        is_source = DeadLetter.objects.filter(source_id=text).exists()
    return {"source_id": text} if is_source else {"text": text}


def selection_from(parameters: QueryDict) -> LetterFilter:
    """Return the letters that the list shows with these parameters, or those of `ids`."""
    from_facets = {name: parameters.get(key, "") for key, name in FACETS.items() if key in parameters}
    from_search = parse_search(parameters.get(SEARCH, ""))
    wanted: dict[str, object] = {**from_search, **from_facets}
    if SINCE in parameters:
        wanted[SINCE] = parse_time(parameters.get(SINCE, ""))
    if IDS in parameters:
        # Without a valid number it must match no letter, rather than all.
        wanted[IDS] = _numbers(parameters.get(IDS, "")) or NONE
    # A source chosen as a facet and another one in the search can't both match.
    if any(wanted[name] != value for name, value in from_search.items()):
        wanted[IDS] = NONE
    return LetterFilter(**wanted)  # type: ignore[arg-type]  # by name: each is of its filter's type


def parse_time(text: str) -> datetime:
    """Parse a time with its zone. Other text becomes the end of time, which matches no letter, rather than all."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else NEVER
    except (ValueError, OverflowError):
        return NEVER


def query_of(numbers: Sequence[int], state: str = "") -> str:
    """Return the query parameters that select exactly these letters."""
    query = QueryDict(mutable=True)
    query[IDS] = ",".join(map(str, numbers))
    if state:
        query["state"] = state
    return query.urlencode()


def describe(selection: LetterFilter) -> list[tuple[str, str]]:
    """Return the filters of a selection as pairs of title and value."""
    return [(_TITLES.get(name, name), _value(name, value)) for name, value in selection.to_mapping().items()]


_TITLES = {
    "ids": "number",
    "source_id": "source",
    "event_id": "event id",
    "since": "first seen from",
    "text": "detail or reason contains",
}


def _value(name: str, value: object) -> str:
    if name == "reason":
        return in_words(str(value))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value) or "can't be read"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part.isdecimal() and len(part) <= MAX_DIGITS)
