"""Readers of some sources are separate tenants: every address and kind of reader against the table of access."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.test import Client

from dataflow_site.tests import access, routes, tenants
from dataflow_site.tests.access import ALL, FREE, NO, OWN, TABLE
from dataflow_site.tests.tenant_readers import (
    EVERYONE,
    FEW,
    NO_PLACES,
    OTHERS_PLACES,
    OWN_PLACES,
    SPELLINGS,
    USER,
    Answer,
    ask,
    ask_known,
    column_of,
    filled,
    spelled,
    without_echo,
)
from dataflow_site.tests.tenants import OTHERS

pytestmark = pytest.mark.services

MORE_PLACES = (
    {"event_id": str(tenants.SHARED_EVENT)},
    {"event_id": str(tenants.WAITING_EVENT)},
    {"event_id": str(tenants.OTHERS_WAITING)},
    {"number": str(tenants.MOVED_HERE)},
    {"number": str(tenants.MOVED_AWAY)},
    {"number": str(tenants.OTHERS_JOB)},
)
BODIES: tuple[object, ...] = (
    {"note": "n", "dryRun": True, "filter": {}},
    {"note": "n", "dryRun": True, "filter": {"sourceId": OTHERS}},
    {"note": "n", "dryRun": True, "ids": [tenants.OTHERS_LETTER]},
    {"note": "n", "dryRun": True},
)


def kind_of(answer: Answer, path: str) -> str:
    """Return what an answer is, in the words of the table."""
    text = without_echo(answer.text, path)
    if tenants.leaks(text):
        return ALL
    if tenants.OWN_WORD in text:
        return OWN
    if answer.status in (302, 401, 403) or path.startswith("/admin/"):
        return NO
    return FREE


def test_every_address_is_in_the_table_and_the_table_has_no_other() -> None:
    rows = {template: access.row_of(template) for template in routes.templates()}

    assert [template for template, row in rows.items() if row is None] == []
    assert set(rows.values()) == set(TABLE)


def test_every_reader_gets_at_every_address_what_the_table_says(readers: dict[str, Client]) -> None:
    order = (NO, FREE, OWN, ALL)
    found = {(row.address, reader): NO for row in TABLE for reader in EVERYONE}

    for template in routes.templates():
        row = access.row_of(template)
        assert row
        # A list of the admin tells as much as all of its pages.
        staff_only = template.startswith("/admin/") and not template.endswith(("deadletter/", "job/"))
        # Only whoever may see a job of both tenants' letters sees the one there is.
        place = {"number": str(tenants.OTHERS_JOB)} if template.startswith(("/api/jobs/", "/jobs/")) else {}
        for reader in EVERYONE:
            wanted = row[column_of(reader)]
            if not (staff_only and wanted == ALL):
                path = filled(template, OWN_PLACES, place) if wanted != ALL else _any(template, place)
                got = kind_of(ask_known(readers[reader], path), path)
                found[row.address, reader] = max(found[row.address, reader], got, key=order.index)

    expected = {(row.address, reader): row[column_of(reader)] for row in TABLE for reader in EVERYONE}
    assert {at: (got, expected[at]) for at, got in found.items() if got != expected[at]} == {}


def _any(template: str, place: Mapping[str, str]) -> str:
    """Return a path to something of the other tenant, for readers of everything."""
    return filled(template, OTHERS_PLACES, place)


@pytest.mark.parametrize(
    ("reader", "every"),
    [
        *((reader, 1) for reader in (FEW[1], "key: ingest", "nobody")),
        # Each address in a third of the spellings, each spelling at a third of the addresses.
        (FEW[3], 3),
        *(pytest.param(reader, 1, marks=pytest.mark.thorough) for reader in (FEW[0], USER, FEW[3], "user")),
    ],
)
def test_nothing_of_the_other_tenant_is_in_any_answer_however_it_is_asked_for(
    readers: dict[str, Client], reader: str, every: int
) -> None:
    client, found = readers[reader], {}
    for number, template in enumerate(routes.templates()):
        row = access.row_of(template)
        assert row
        # Elsewhere it is refused, or answered without data of sources, before anything of the query is read.
        gets_own = row[column_of(reader)] == OWN
        paths = [filled(template, OTHERS_PLACES), filled(template, NO_PLACES)]
        if not template.startswith("/admin/"):
            ways = [*spelled(filled(template, OWN_PLACES))][: len(SPELLINGS) if gets_own else 6]
            paths += ways[number % every :: every]
        paths += {filled(template, OTHERS_PLACES, more) for more in MORE_PLACES} - {filled(template, OTHERS_PLACES)}
        paths += [filled(template, OWN_PLACES, {"channel": channel}) for channel in ("overview", "series")]
        if gets_own:
            if "<channel>" in template:
                for channel in ("overview", "series"):
                    paths += spelled(filled(template, {"channel": channel}))
            own = set(routes.api_parameters(client, filled(template, OWN_PLACES))) - {"source_id"}
            paths += [f"{filled(template, OWN_PLACES)}?{name}={OTHERS}" for name in sorted(own)]
        for path in dict.fromkeys(paths):
            answer = ask(client, path)
            # What was asked for stands in the answer, in a problem's `instance` and a form's address.
            if answer.status >= 500 or tenants.leaks(without_echo(answer.text, path)):
                found[path] = (answer.status, tenants.leaks(without_echo(answer.text, path)))

    assert found == {}


def test_an_admin_key_for_some_sources_does_nothing_to_dead_letters(readers: dict[str, Client]) -> None:
    paths = [f"/api/dead-letters/{what}" for what in ("redrive/", "discard/")]
    paths += [f"/api/dead-letters/{tenants.OWN_LETTER}/{what}" for what in ("redrive/", "discard/")]

    answers = [ask(readers["key: admin, some sources"], path, body) for path in paths for body in BODIES]

    assert {answer.status for answer in answers} == {403}


def test_own_cursors_stay_within_the_own_sources_and_those_of_others_do_not_lead_out(
    readers: dict[str, Client],
) -> None:
    tenant, everyone = readers["key: read, some sources"], readers["key: read"]
    found: dict[str, object] = {}
    for path in ("/data", "/api/sources/", "/api/dead-letters/", "/api/pipeline/ledger/"):
        for query in ("?limit=1", f"?limit=1&source_id={OTHERS}"):
            first = everyone.get(path + query)
            following = first.json().get("next") if first.status_code == 200 else None
            if following is not None:
                answer = ask(tenant, following)
                found[following] = tenants.leaks(without_echo(answer.text.replace(following, ""), following))
    pages = [ask(tenant, f"{path}?limit=1") for path in ("/data", "/api/sources/", "/api/dead-letters/")]

    assert len(found) >= 4
    assert {answer.status for answer in pages} == {200}
    assert [page.text for page in pages if tenants.leaks(page.text)] == []
