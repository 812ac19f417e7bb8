"""Which letters a page is about: its query parameters as filters, in words, and as a query string again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict
from urllib.parse import urlencode
from uuid import UUID

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code, in_words
from processing.dead_letters.filters import WAITING, LetterFilter
from processing.models import DeadLetter
from queries.dead_letters.filters import MAX_JOB
from queries.reads import postgres
from queries.request.query_params import InvalidParameter, Parameters, Query

FILTERS = (
    "state",
    "code",
    "source_id",
    "stage",
    "pointer",
    "fingerprint",
    "since",
    "received_start",
    "received_end",
    "job",
    "ids",
    "q",
)
ALL = "all"  # any state
BLANK = ("source_id", "pointer")  # filters that may be empty
STATES = {WAITING: "To do", "sent": "Sent", "stored": "Stored", "discarded": "Discarded", ALL: "All"}
MOST_IDS = 1_000
MAX_DIGITS = 18

_TITLES = {
    "ids": "number",
    "source_id": "source",
    "pointer": "place",
    "fingerprint": "cause",
    "since": "first seen from",
    "received_start": "received from",
    "received_end": "received before",
    "event_id": "event id",
    "text": "detail or reason contains",
}


class Told(TypedDict):
    """A filter in words."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The letters of a page."""

    selection: LetterFilter
    given: Mapping[str, str]  # the parameters, one value each

    @property
    def state(self) -> str:
        """Return the chosen state: one of DeadLetter.State, WAITING or ALL."""
        return self.selection.state or ALL

    @property
    def is_narrow(self) -> bool:
        """Return whether the letters themselves are asked for, rather than their groups."""
        return any(name in self.given for name in ("fingerprint", "pointer", "job", "ids", "q"))

    def query(self, **changes: str | None) -> str:
        """Return the parameters as a query string, with some changed; None removes one."""
        wanted = {name: value for name, value in {**self.given, **changes}.items() if value is not None}
        return urlencode(wanted)

    def told(self) -> list[Told]:
        """Return the filters in words."""
        found = self.selection.to_mapping()
        return [{"name": _TITLES.get(name, name), "value": _value(name, value)} for name, value in found.items()]


def from_parameters(parameters: Parameters, *, scope: ReadScope, answers: bool = True) -> Chosen:
    """Read the filters; without a state, letters that wait for somebody, or all of a job and of numbers.

    :param answers: PostgreSQL does; otherwise what is searched for is not looked up as a source
    :raises InvalidParameter: a value can't be used
    """
    given = {name: ",".join(values) for name, values in parameters.given.items() if name in FILTERS}
    state = parameters.choice("state", (*DeadLetter.State.values, WAITING, ALL))
    if state is None:
        state = ALL if given.keys() & {"job", "ids"} else WAITING
    received_start, received_end = parameters.span("received_start", "received_end")
    selection = LetterFilter(
        ids=_numbers(parameters),
        state=None if state == ALL else state,
        reason=parameters.choice("code", [code.value for code in Code]),
        source_id=parameters.source_id(blank=True),
        fingerprint=parameters.text("fingerprint", most=32),
        stage=parameters.text("stage", most=20),
        pointer=parameters.text("pointer", blank=True),
        since=parameters.time("since"),
        received_start=received_start,
        received_end=received_end,
        job=parameters.integer("job", default=0, least=1, most=MAX_JOB) or None,
    )
    return Chosen(_searched(selection, parameters, scope, answers=answers), given)


def of_letter(number: int, state: str) -> str:
    """Return the query string that selects one letter; a sent one only by its state, too."""
    return urlencode({"ids": number, **({"state": state} if state == DeadLetter.State.SENT else {})})


def _searched(selection: LetterFilter, parameters: Parameters, scope: ReadScope, *, answers: bool) -> LetterFilter:
    """Add what is searched for: an event id, a source of some letter, or a text of the detail or the reason."""
    text = (parameters.text("q", most=300) or "").strip()
    if not text:
        return selection
    members = {name: getattr(selection, name) for name in LetterFilter.__dataclass_fields__}
    try:
        return LetterFilter(**{**members, "event_id": UUID(text)})
    except ValueError:
        is_source = answers and _is_source(text, scope)
    if is_source and selection.source_id in (None, text):
        return LetterFilter(**{**members, "source_id": text})
    return LetterFilter(**{**members, "text": text})


def _is_source(text: str, scope: ReadScope) -> bool:
    with postgres.bounded():
        return scope.includes(text) and DeadLetter.objects.filter(source_id=text).exists()


def _numbers(parameters: Parameters) -> tuple[int, ...]:
    parts = [part for text in parameters.texts("ids", most=MOST_IDS) for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) <= MAX_DIGITS for part in parts):
        raise InvalidParameter("ids", "ids: expected numbers of letters, with commas between them")
    if len(parts) > MOST_IDS:
        raise InvalidParameter("ids", f"ids: expected at most {MOST_IDS:,}")
    return tuple(map(int, parts))


def parameters_of(query: Query, *, known: Sequence[str] = (), repeated: Sequence[str] = ()) -> Parameters:
    """Return the parameters of a page of letters; empty ones, which a form sends, count as absent.

    :param known: further ones than the filters
    :raises InvalidParameter: one is unknown, or given twice
    """
    return Parameters(_Filled(query), known=(*FILTERS, *known), repeated=("ids", *repeated))


class _Filled:
    """A query without empty filters. An empty source id is one: its letters' source can't be read; so is an empty place."""

    def __init__(self, query: Query) -> None:
        self._query = query

    def lists(self) -> Iterable[tuple[str, list[str]]]:
        found = self._query.lists()
        return [(name, values) for name, values in found if name in BLANK or any(values)]


def now() -> datetime:
    """Return the time."""
    return datetime.now(tz=UTC)


def _value(name: str, value: object) -> str:
    if name == "reason":
        return in_words(str(value))
    if name == "fingerprint":
        return str(value)[:8]
    if name == "pointer":
        return str(value) or "none"
    if name == "state":
        return STATES.get(str(value), str(value)).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value) or "can't be read"
