"""The API as pages: what a browser gets at its addresses."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client

from deploy.testing.deployment import Deployment
from queries.tests import exported
from queries.tests.stored import NOON, account, make_event, store

pytestmark = pytest.mark.services
FRAME = '<script type="module" src="/static/dashboard/js/frame.js">'

PAGES = [
    *("/api/", "/data", "/api/data/", "/api/data/aggregate/", "/api/series/", "/api/sources/", "/api/latest/"),
    *("/api/dead-letters/", "/api/jobs/", "/api/pipeline/", "/api/pipeline/ledger/", "/api/docs/"),
]
ACCEPT = {"accept": "text/html,application/xhtml+xml"}


def page(path: str) -> str:
    answer = Client().get(path, headers=ACCEPT)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    return answer.content.decode()


def button(text: str, label: str) -> str:
    """Return the address that a button leads to."""
    [found] = re.findall(rf'<a class="button" href="([^"]*)"[^>]*>{label}</a>', text)
    return html.unescape(found)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_the_products_look_and_nothing_foreign_or_inline(site: Deployment, path: str) -> None:
    store(make_event(payload={"url": "https://example.com/", "html": "<script>alert(1)</script>"}))

    text = page(path)

    assert 'class="brand"' in text
    assert "dashboard/api.css" in text
    assert re.findall(r"<script[^>]*>", text) == [FRAME]
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|(src|href)=\"(https?:)?//(?!testserver)", text)


def test_the_next_button_leads_through_the_list(site: Deployment) -> None:
    first, second = store(make_event("a", offset=1), make_event("b", offset=2))

    begin = page("/api/data/?limit=1&order=asc")
    following = page(button(begin, "Next"))

    assert (first in begin, second in begin, second in following) == (True, False, True)
    assert first in page(button(following, "Previous"))


def test_the_buttons_export_the_events_that_the_filters_let_through(site: Deployment) -> None:
    store(make_event("a", payload={"n": 1}), make_event("a", payload={"n": 2}), make_event("b", payload={"n": 3}))

    text = page("/api/data/?source_id=a&field.n[gt]=1&limit=1&offset=0&count=exact&order=desc&fields=n")

    found = {label: urlsplit(button(text, label)) for label in ("NDJSON", "CSV", "Parquet")}
    assert {address.path for address in found.values()} == {"/api/data/export"}
    whole = {label: exported.exported(address.query) for label, address in found.items()}
    assert [event["payload"] for event in exported.lines(whole["NDJSON"])] == [{"n": 2}]
    assert [row["n"] for row in exported.table(whole["CSV"])] == ["2"]
    assert len(exported.parquet(whole["Parquet"])) == 1


def test_names_in_camel_case_reach_the_form_and_the_buttons(site: Deployment) -> None:
    store(*[make_event(source, payload={"roomHeat": heat}) for source, heat in (("a", 1), ("a", 2), ("b", 3))])
    store(make_event("a", ts=NOON - timedelta(seconds=1), payload={"roomHeat": 4}))

    text = page(f"/api/data/?sourceId=a&startTime={NOON:%Y-%m-%dT%H:%M:%SZ}&field.roomHeat[gt]=1")

    given = dict(re.findall(r'<input type="text" name="([^"]*)" value="([^"]+)"', text))
    assert given == {"source_id": "a", "start_time": "2009-04-11T12:00:00Z", "_path": "roomHeat", "_value": "1"}
    whole = exported.exported(urlsplit(button(text, "NDJSON")).query)
    assert [event["payload"] for event in exported.lines(whole)] == [{"roomHeat": 2}]


def test_what_was_sent_is_shown_as_text_and_is_no_link(site: Deployment) -> None:
    store(make_event(payload={"url": "https://example.com/", "ours": "http://testserver.example.com/", "n": "<b>"}))

    text = page("/api/data/")

    assert "https://example.com/" in text
    assert 'href="https://example.com' not in text
    assert 'href="http://testserver.example.com' not in text
    assert "&lt;b&gt;" in text


def test_addresses_of_this_site_are_links(site: Deployment) -> None:
    assert '<a href="http://testserver/api/sources">' in page("/api/")


def test_a_program_gets_json_at_the_same_addresses(site: Deployment) -> None:
    account("sensor-1")

    assert Client().get("/api/sources/").headers["Content-Type"] == "application/json"
    assert Client().get("/api/sources/?format=json", headers=ACCEPT).headers["Content-Type"] == "application/json"
    assert Client().get("/api/sources/?format=api").headers["Content-Type"].startswith("text/html")
