"""What a reader may not see is answered like what is not there: the same status, headers and body."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pytest
from django.test import Client

from dataflow_site.tests import access, routes, tenants
from dataflow_site.tests.access import OWN
from dataflow_site.tests.tenant_readers import (
    ABSENT,
    EVERYONE,
    FEW,
    NO_PLACES,
    OTHERS_PLACES,
    OWN_PLACES,
    PAIRS,
    TENANT,
    USER,
    ask,
    column_of,
    comparable,
    filled,
    rarely,
    spelled,
)
from dataflow_site.tests.tenants import OTHERS

pytestmark = pytest.mark.services

OTHERS_NUMBERS = (tenants.OTHERS_LETTER, tenants.MOVED_AWAY, tenants.OTHERS_JOB)
# Parameters whose numbers are how much or when, and so name nothing.
MEASURES = {"from", "to", "start_time", "end_time", "limit", "offset", "max_points", "top"}
API = ("/api/", "/data", "/live/", "/events/known/")
OTHERS_EVENTS = (tenants.OTHERS_EVENT, tenants.OTHERS_WAITING)


def addresses_of(template: str) -> Iterator[tuple[str, str]]:
    """Return pairs of addresses: to something of the other tenant, and to what is not there."""
    yield filled(template, OTHERS_PLACES), filled(template, NO_PLACES)
    absent = filled(template, NO_PLACES)
    if "<event_id>" in template:
        for event in OTHERS_EVENTS:
            yield filled(template, OTHERS_PLACES, {"event_id": str(event)}), absent
        # An event of the own, with the source of another one.
        path = filled(template, OWN_PLACES, {"event_id": str(tenants.SHARED_EVENT)})
        yield f"{path}?source_id={OTHERS}", f"{path}?source_id={ABSENT}"
    if "<number>" in template:
        for number in OTHERS_NUMBERS:
            yield filled(template, OTHERS_PLACES, {"number": str(number)}), absent


def questions_of(client: Client, template: str) -> Iterator[tuple[str, str]]:
    """Return pairs of addresses whose parameters name something of the other tenant, and what is not there."""
    for path in {filled(template, OWN_PLACES), filled(template, OWN_PLACES, {"channel": "series"})}:
        yield from zip(spelled(path), spelled(path, ABSENT), strict=True)
        # Pages repeat what was asked for, also cut; test_tenants looks into what else they say.
        for name in routes.api_parameters(client, path) if path.startswith(API) else ():
            for theirs, nobodys in PAIRS:
                if name in MEASURES and theirs.isdigit():
                    continue
                yield f"{path}?{name}={theirs}", f"{path}?{name}={nobodys}"


def differences(client: Client, pairs: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    names = {name for pair in PAIRS for name in pair} | {str(each) for each in (*OTHERS_NUMBERS, *OTHERS_EVENTS)}
    # The longer ones first, since they contain the others.
    ordered = sorted(names, key=len, reverse=True)
    found: dict[str, list[str]] = {}
    for theirs, nobodys in pairs:
        one, other = (comparable(ask(client, path), *ordered).splitlines() for path in (theirs, nobodys))
        if one != other:
            found[theirs] = list(difflib.unified_diff(one, other, nobodys, lineterm="", n=0))
    return found


@pytest.mark.parametrize("reader", [*TENANT, "user", "key: ingest", "nobody"])
def test_what_another_has_and_what_nobody_has_are_answered_alike(readers: dict[str, Client], reader: str) -> None:
    client = readers[reader]
    templates = [each for each in routes.templates() if routes.has_variables(each)]

    found = [differences(client, addresses_of(template)) for template in templates]

    assert [each for each in found if each] == []


@pytest.mark.parametrize("reader", rarely(FEW[:3], USER))
def test_naming_another_s_source_in_a_question_is_like_naming_none(readers: dict[str, Client], reader: str) -> None:
    client = readers[reader]
    templates = []
    for template in routes.templates():
        row = access.row_of(template)
        assert row
        if row[column_of(reader)] == OWN:
            templates.append(template)

    found = [differences(client, questions_of(client, template)) for template in templates]

    assert len(templates) >= 3
    assert [each for each in found if each] == []


def test_whoever_may_see_it_gets_other_answers_so_the_comparison_can_fail(readers: dict[str, Client]) -> None:
    everyone = [readers[reader] for reader in EVERYONE if reader in {"key: read", "staff", "superuser"}]
    templates = ("/api/events/<event_id>/", "/api/sources/<source_id>/", "/sources/<source_id>/")
    questions = iter([(f"/data?source_id={OTHERS}", f"/data?source_id={ABSENT}")])

    for client in everyone:
        assert all(differences(client, addresses_of(template)) for template in templates)
    assert differences(everyone[0], questions)
