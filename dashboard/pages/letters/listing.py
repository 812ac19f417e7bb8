"""Groups of letters with the same cause, lists of letters, and the facets to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, cast

from django.db.models import BinaryField, F, Func

from dashboard.pages.letters import marks
from dashboard.pages.letters.bars import bars
from dashboard.pages.letters.chosen import STATES, Chosen
from ingestion.auth.read_scope import ReadScope
from ingestion.events.timestamps import to_text
from ingestion.problems import in_words
from processing.dead_letters import filters, scoped_letters
from processing.dead_letters.mending import pointers
from processing.models import DeadLetter
from queries.dead_letters import groups
from queries.dead_letters.groups import GroupQuery, Order, Span
from queries.dead_letters.listing import DeadLetterCursor
from queries.reads import postgres
from queries.request import id_pagination
from queries.request.id_pagination import IdPage
from queries.request.query_params import Parameters

PAGE = ("cursor", "limit", "offset")
HEAD = 400  # bytes of what was sent, for one line of a list
SPANS: Mapping[Span, str] = {"hour": "Hour", "day": "Day", "week": "Week"}
ORDERS: Mapping[Order, str] = {"newest": "Newest first", "count": "Most first"}
_FACETS = {"reason": ("code", "Reason"), "source_id": ("source_id", "Source"), "stage": ("stage", "Failed at")}
STAGES = {
    "decode": "while it was read",
    "identity": "by its id",
    "process": "by a rule or schema",
    "documents": "in MongoDB",
    "rows": "in PostgreSQL",
}


class LetterRow(TypedDict):
    """One letter of a list."""

    id: int
    state: str
    reason: str
    meaning: str
    detail: str
    pointer: str
    sourceId: str | None
    firstSeen: str
    lastSeen: str
    attempts: int
    beginning: str  # of what was sent


class Value(TypedDict):
    """A value of a facet, as a link."""

    title: str
    count: int
    query: str
    chosen: bool


def grouped(chosen: Chosen, parameters: Parameters, *, scope: ReadScope, now: datetime) -> dict[str, object]:
    """Return the groups of the chosen letters.

    :raises InvalidParameter: a value can't be used
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    span = cast("Span", parameters.choice("span", list(SPANS), default="day"))
    order = cast("Order", parameters.choice("order", list(ORDERS), default="newest"))
    found = groups.read(GroupQuery(selection=chosen.selection, span=span, order=order), scope=scope, now=now)
    return {**found, "span": span, "order": order}


def drawn(found: Mapping[str, Any], chosen: Chosen) -> list[dict[str, object]]:
    """Return groups with what a template needs beside their data."""
    return [
        {
            **group,
            "drawn": bars(group["bars"]["counts"]),
            "query": chosen.query(**cause),
            "single": len(group["sources"]) == 1,
            "named": [{**one, "query": chosen.query(fingerprint=one["fingerprint"])} for one in group["sources"]],
            "where": STAGES.get(group["stage"], group["stage"]),
            "place": pointers.path_of(group["pointer"]),
            "parts": [
                {"state": state, "count": count, "query": chosen.query(**cause, state=state)}
                for state, count in sorted(group["states"].items())
            ],
        }
        for group in found["groups"]
        for cause in (_cause(group),)
    ]


def _cause(group: Mapping[str, Any]) -> dict[str, str]:
    """Return the filters that choose the letters of a group."""
    if len(group["sources"]) == 1:
        return {"fingerprint": group["fingerprint"]}
    return {"code": group["reason"], "stage": group["stage"], "pointer": group["pointer"]}


def listed(chosen: Chosen, parameters: Parameters, *, scope: ReadScope) -> dict[str, object]:
    """Return one page of the chosen letters, newest first.

    :raises InvalidParameter: a value can't be used
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    head = Func(F("raw"), 1, HEAD, function="substring", output_field=BinaryField())
    rows = chosen.selection.query().annotate(head=head).defer("raw", "edited")
    wanted = IdPage.from_parameters(parameters, DeadLetterCursor)
    with postgres.bounded():
        found = id_pagination.page(scoped_letters.within(rows, scope), wanted, shape=_row)
        total = filters.count(scoped_letters.within(chosen.selection.query(), scope))
    return {
        "letters": found.results,
        "next": found.next,
        "previous": found.previous,
        "total": total,
        "totalIsLeast": total == filters.MAX_COUNTED,
    }


def facets(chosen: Chosen, *, scope: ReadScope) -> list[dict[str, object]]:
    """Return what the list can be narrowed by, with counts.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    found = groups.facets(GroupQuery(selection=chosen.selection), scope=scope)
    return [
        {"title": title, "name": parameter, "values": _values(found[name], parameter, chosen)}
        for name, (parameter, title) in _FACETS.items()
    ]


def states(chosen: Chosen) -> list[dict[str, object]]:
    """Return the states as choices."""
    known = STATES if chosen.state in STATES else {**STATES, chosen.state: chosen.state.capitalize()}
    return [
        {"title": title, "query": chosen.query(state=state), "chosen": state == chosen.state}
        for state, title in known.items()
    ]


def _values(found: list[groups.Facet], parameter: str, chosen: Chosen) -> list[Value]:
    current = chosen.given.get(parameter)
    values = [one["value"] for one in found]
    missing = current is not None and current not in values
    rows = [*found, *([groups.Facet(value=current or "", count=0)] if missing else [])]
    return [
        {
            "title": _title(parameter, row["value"]),
            "count": row["count"],
            # Chosen once more, it filters no longer.
            "query": chosen.query(**{parameter: None if row["value"] == current else row["value"]}),
            "chosen": row["value"] == current,
        }
        for row in rows
    ]


def _title(parameter: str, value: str) -> str:
    if parameter == "code":
        return in_words(value)
    return STAGES.get(value, value) if parameter == "stage" else value or "can't be read"


def _row(letter: DeadLetter) -> LetterRow:
    head = bytes(letter.head)  # type: ignore[attr-defined]  # annotated above
    return {
        "id": letter.pk,
        "state": letter.state,
        "reason": letter.reason,
        "meaning": in_words(letter.reason),
        "detail": letter.detail,
        "pointer": letter.pointer,
        "sourceId": letter.source_id or None,
        "firstSeen": to_text(letter.first_seen),
        "lastSeen": to_text(letter.last_seen),
        "attempts": letter.attempts,
        "beginning": marks.brief(head),
    }
