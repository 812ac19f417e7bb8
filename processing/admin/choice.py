"""Which letters an address of the admin means: the list's filters, or letters picked one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypedDict
from uuid import UUID

from django.http import QueryDict

from ingestion.problems import in_words
from processing.letters.selection import Selection
from processing.models import DeadLetter

# Parameters of the list, and the filters that they are.
FACETS = {
    "state": "state",
    "reason": "reason",
    "source": "source_id",
    "stage": "stage",
    "fingerprint": "fingerprint",
}
SINCE = "since"
SEARCH = "q"
# All there are beside the search.
PARAMETERS = (*FACETS, SINCE)
IDS = "ids"
NONE = (0,)  # no letter has this number
MOST_DIGITS = 18
NEVER = datetime.max.replace(tzinfo=UTC)


class Found(TypedDict, total=False):
    """What a search is for, as filters."""

    event_id: UUID
    source_id: str
    text: str


def meaning_of(search: str) -> Found:
    """Tell what a search is for: an event id, a source that letters are of, or else a text of the detail or reason."""
    text = search.replace("\0", "").strip()
    if not text:
        return {}
    try:
        return {"event_id": UUID(text)}
    except ValueError:
        is_source = DeadLetter.objects.filter(source_id=text).exists()
    return {"source_id": text} if is_source else {"text": text}


def selection_of(parameters: QueryDict) -> Selection:
    """Give the letters that the list shows with these parameters, or those of `ids`."""
    chosen = {name: parameters.get(key, "").replace("\0", "") for key, name in FACETS.items() if key in parameters}
    searched = meaning_of(parameters.get(SEARCH, ""))
    wanted: dict[str, object] = {**searched, **chosen}
    if SINCE in parameters:
        wanted[SINCE] = moment_of(parameters.get(SINCE, ""))
    if IDS in parameters:
        # Without a readable number none are meant, never all.
        wanted[IDS] = _numbers(parameters.get(IDS, "")) or NONE
    # A source that was chosen beside the list and another one that is searched for can't both hold.
    if any(wanted[name] != value for name, value in searched.items()):
        wanted[IDS] = NONE
    return Selection(**wanted)  # type: ignore[arg-type]  # by name: each is of its filter's type


def moment_of(text: str) -> datetime:
    """Read a time with its zone; what is none means the end of time, so that no letter is meant, never all."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else NEVER
    except (ValueError, OverflowError):
        return NEVER


def address_of(numbers: Sequence[int], state: str = "") -> str:
    """Give the parameters that mean these letters, and no others."""
    query = QueryDict(mutable=True)
    query[IDS] = ",".join(map(str, numbers))
    if state:
        query["state"] = state
    return query.urlencode()


def told(selection: Selection) -> list[tuple[str, str]]:
    """Say in words which letters are meant."""
    return [(_TITLES.get(name, name), _value(name, value)) for name, value in selection.to_mapping().items()]


_TITLES = {
    "ids": "number",
    "source_id": "source",
    "event_id": "event id",
    "since": "first seen from",
    "text": "detail or reason with",
}


def _value(name: str, value: object) -> str:
    if name == "reason":
        return in_words(str(value))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value) or "can't be read"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part.isdecimal() and len(part) <= MOST_DIGITS)
