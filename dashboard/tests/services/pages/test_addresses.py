"""Parameters in the addresses of pages: what can't be used is said, and nothing is shown as if it had been used."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

import pytest
from django.http import QueryDict
from django.test import Client

from dashboard import urls
from dashboard.tests.services.pages.test_pages import text_of
from deploy.testing.deployment import Deployment
from queries.tests.stored import NOON, account, make_event, store

pytestmark = pytest.mark.services

LEFT_OUT = "Part of the address was left out"
# Parameters that hold one of some values, a number or a time, with what is said of any other.
CHECKED = {
    "/": {"range": "range: expected one of"},
    "/events/": {
        "filter": "At character",
        "start": "start: expected a time",
        "end": "end: expected a time",
        "range": "range: expected a length of time",
        "order": "order: expected asc or desc",
        "cursor": "cursor: expected one as given",
    },
    "/sources/": {"state": "state: expected", "sort": "sort: expected", "cursor": "cursor: "},
    "/sources/plant-1/": {
        "range": "range: expected one of",
        "from": "from: expected",
        "to": "to: expected",
        "compare": "compare: expected one of",
        "scale": "scale: expected one of",
        "view": "view: expected one of",
    },
    "/dead-letters/": {
        "state": "state: expected",
        "code": "code: expected",
        "source_id": "source_id: expected",
        "since": "since: expected",
        "job": "job: expected",
        "ids": "ids: expected",
        "show": "show: expected",
        "order": "order: expected",
        "show=letters&cursor": "cursor: expected",
    },
    "/pipeline/ledger/": {
        "source_id": "source_id: expected",
        "start_time": "start_time: expected",
        "end_time": "end_time: expected",
        "cursor": "cursor: expected",
    },
    "/pipeline/incidents/": {"kind": "kind: expected", "cursor": "cursor: expected"},
    "/jobs/": {"state": "state: expected", "kind": "kind: expected", "cursor": "cursor: expected"},
    "/start/": {"source": "source: expected"},
    "/logic/rules/new/": {"revision": "revision: expected"},
    "/logic/revisions/": {"cursor": "cursor: expected"},
    "/logic/revisions/0/": {"against": "against: expected"},
    "/logic/schemas/": {"cursor": "cursor: expected"},
    "/logic/tables/": {"cursor": "cursor: expected"},
    "/logic/replays/": {"job": "job: expected", "revision": "revision: expected"},
}
# A sign that is no value, and a number out of every range; test_any_text has more.
GARBAGE = ('="', "9" * 30)
OTHERS = ("/pipeline/", "/search/", "/logic/", "/logic/schemas/new/", "/logic/tables/new/")


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    store(make_event("plant-1", ts=NOON, payload={"n": 1}))
    account("plant-1")
    return module_site


@pytest.fixture
def client(site: Deployment) -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("path", CHECKED)
def test_a_parameter_that_cannot_be_used_is_named_and_not_taken_for_another(client: Client, path: str) -> None:
    for name, said in CHECKED[path].items():
        for garbage in GARBAGE:
            answer = client.get(f"{path}?{name}={quote(garbage)}")
            assert answer.status_code < 500, (name, garbage[:20])
        text = text_of(client, f"{path}?{name}={quote(GARBAGE[0])}")
        assert said in text, (name, text)


@pytest.mark.parametrize("path", [*CHECKED, *OTHERS])
def test_a_parameter_that_a_page_does_not_have_is_named(client: Client, path: str) -> None:
    answer = client.get(f"{path}?rnage=1h")
    text = text_of(client, f"{path}?rnage=1h")

    assert "query parameter is unknown" in text
    assert answer.status_code == 404 or LEFT_OUT in text or "be used. A query parameter" in text
    assert LEFT_OUT not in text_of(client, path)


def test_no_link_has_a_parameter_that_its_page_does_not_know(client: Client) -> None:
    found: dict[tuple[str, ...], str] = {}
    for path in (*CHECKED, *OTHERS, "/"):
        for link in re.findall(r'href="((?:/|\?)[^"#]*\?[^"#]+|\?[^"#]+)', client.get(path).content.decode()):
            address = html.unescape(link if link.startswith("/") else path + link)
            page, _, query = address.partition("?")
            if not page.startswith(("/api/", "/admin/", "/sign-in/")):
                found[page, *sorted(QueryDict(query))] = address

    assert len(found) > 10
    assert [each for each in found.values() if "query parameter is unknown" in text_of(client, each)] == []


def test_every_page_with_a_list_or_a_choice_is_tried_here() -> None:
    pages = {f"/{each.pattern}" for each in urls.urlpatterns}
    known = {path.replace("plant-1", "<source_id>").replace("/0/", "/<int:number>/") for path in (*CHECKED, *OTHERS)}
    single = {path for path in pages if "<" in path} | {path for path in pages if path.endswith(".json")}

    assert known <= pages
    assert {path for path in pages - single - known if path.count("/") == 2} <= {
        "/sign-in/",
        "/sign-out/",
        "/account/",
    }
