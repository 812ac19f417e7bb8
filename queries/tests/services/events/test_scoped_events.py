"""Lists of events for readers of some sources: the same order and pages as for readers of all, without the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from urllib.parse import urlencode

import pytest
from django.http import QueryDict

from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from queries.events import listing
from queries.events.query import PARAMETERS, REPEATED, EventQuery
from queries.request.pagination import CursorPage
from queries.request.query_params import Parameters
from queries.schemas import EventShape
from queries.tests.stored import NOON, make_event, series, store

pytestmark = pytest.mark.services

TWO = ReadScope(frozenset({"a", "b"}))


@pytest.fixture
def stored(site: Deployment) -> list[tuple[str, str]]:
    """Events of three sources, interleaved, and two at the same moment; give source and id, oldest first."""
    events = [event for source in ("a", "b", "c") for event in series(7, source_id=source)]
    events += [make_event(source, ts=NOON + timedelta(seconds=3)) for source in ("a", "b", "c")]
    store(*events)
    ordered = sorted(events, key=lambda event: (event.ts, event.source_id, event.id))
    return [(event.source_id, str(event.id)) for event in ordered]


def of(**given: str) -> EventQuery:
    """Return the query of these parameters."""
    return EventQuery.from_parameters(Parameters(QueryDict(urlencode(given)), known=PARAMETERS, repeated=REPEATED))


def page_of(query: EventQuery, scope: ReadScope) -> CursorPage[EventShape]:
    return listing.page(query, query.selection.within(scope), now=NOON).page


def walk(query: EventQuery, scope: ReadScope) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    while True:
        page = page_of(query, scope)
        found += [(event["sourceId"], event["eventId"]) for event in page.results]
        if page.next is None:
            return found
        query = of(cursor=page.next, limit=str(query.limit))


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("scope", [TWO, ReadScope(frozenset({"b"})), ReadScope(frozenset()), EVERYTHING])
def test_pages_lead_through_the_events_of_the_scope_in_order_and_each_once(
    stored: list[tuple[str, str]], scope: ReadScope, order: Literal["asc", "desc"]
) -> None:
    own = [each for each in stored if scope.includes(each[0])]
    expected = own if order == "asc" else own[::-1]

    assert walk(of(order=order, limit="4"), scope) == expected
    skipped = page_of(of(order=order, limit="3", offset="5"), scope).results
    assert [event["eventId"] for event in skipped] == [id_ for _, id_ in expected[5:8]]


def test_a_cursor_of_a_reader_of_everything_shows_another_its_own_events_alone(stored: list[tuple[str, str]]) -> None:
    first = page_of(of(limit="2"), EVERYTHING)
    narrow = page_of(of(limit="2", source_id="c"), EVERYTHING)
    assert first.next
    assert narrow.next

    rest = page_of(of(cursor=first.next), TWO).results

    assert {event["sourceId"] for event in rest} == {"a", "b"}
    assert page_of(of(cursor=narrow.next), TWO).results == []
