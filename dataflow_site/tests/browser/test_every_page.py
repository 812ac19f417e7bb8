"""What holds for every page: it is light, keeps the policy, asks nobody else, and everyone can use it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page, Response

from dataflow_site.tests import routes
from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.models import Key
from processing.models import DeadLetter, Event, Incident, Job
from processing.tests.posting import post

pytestmark = [pytest.mark.browser, pytest.mark.services]

MOST_REQUESTS, MOST_BYTES = 12, 90 * 1024  # of a page that nothing is cached of
SOURCE = "sensor-1"
# WCAG 2.2 AA, and what axe advises beside.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
# Addresses that answer no GET with a page of their own.
NO_PAGES = {"/events/known/", "/live/<channel>/", "/sign-out/"}
ADMIN = [
    "/admin/",
    "/admin/ingestion/key/",
    "/admin/ingestion/key/add/",
    "/admin/processing/event/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/auth/user/{user}/change/",
    "/admin/ingestion/key/{key}/change/",
    "/admin/admin/logentry/",
]
API = ["/api/", "/api/docs/", "/api/data/"]


class Seen(NamedTuple):
    """What the browser noticed while a page was open."""

    answers: list[Response]
    complaints: list[str]


@pytest.fixture
def filled(site: Deployment) -> Deployment:
    """A product with events, a dead letter, a job and an incident."""
    receiver, _ = site.start_ingest(), site.start_consumer()
    at = datetime.now(tz=UTC).isoformat()
    for number in range(20):
        event = {
            "sourceId": f"sensor-{number % 3}",
            "timestamp": at,
            "payload": {"temperature": 20 + number, "ok": True},
        }
        post(receiver.url, event)
    for value in (1, 2):
        same = {"sourceId": SOURCE, "eventId": str(UUID(int=9)), "timestamp": at, "payload": {"temperature": value}}
        post(receiver.url, same)
    site.wait_for(lambda: Event.objects.count() == 21 and DeadLetter.objects.exists(), 30)
    now = datetime.now(tz=UTC)
    Job.objects.create(
        kind="pack", who="schedule", created_at=now, state=Job.State.DONE, finished_at=now, message="Done."
    )
    api_keys.create("meter", ["ingest"])
    Incident.objects.create(kind="disk", subject="PostgreSQL", detail="91 % is used", since=now, last_seen=now)
    return site


@pytest.fixture
def visitor(browser: Browser, filled: Deployment) -> Iterator[Page]:
    """A page of a browser in which a superuser is signed in."""
    web = filled.start_web({"DATAFLOW_OPEN_READ": "0"})
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password="correct horse battery"))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    with browser.new_context(base_url=web.url) as context:
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": web.url}])
        yield context.new_page()


def pages() -> list[str]:
    """Return the address of every page, from the routes."""
    letter, job, event = DeadLetter.objects.get(), Job.objects.get(), Event.objects.filter(source_id=SOURCE).first()
    assert event
    values = {"source_id": SOURCE, "event_id": str(event.pk), "number": str(letter.pk), "id": str(letter.pk)}
    found = []
    for template in sorted(routes.pages() - NO_PAGES):
        if not template.endswith(".json") and "export" not in template:
            named = {**values, "number": str(job.pk)} if template.startswith("/jobs/") else values
            found.append(routes.fill(template, named))
    rows = {"user": User.objects.get().pk, "key": Key.objects.get().pk}
    return [*found, *(address.format_map(rows) for address in ADMIN), *API]


def watch(page: Page) -> Seen:
    seen = Seen([], [])

    def note(answer: Response) -> None:
        seen.answers.append(answer)

    page.on("response", note)
    page.on("console", lambda told: seen.complaints.append(told.text) if told.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    return seen


def wrong_with(page: Page, path: str, seen: Seen) -> list[str]:
    """Open a page and return what is wrong with it."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    seen.answers.clear()
    answer = page.goto(path, wait_until="load")
    assert answer
    if answer.status in (404, 405):
        # An action alone, or something that this product has none of: only of such addresses is more asked nowhere.
        seen.complaints.clear()
        return []
    loaded = [each for each in seen.answers if "/ws/" not in each.url]
    found = [] if answer.status == 200 else [f"status {answer.status}"]
    size = sum(each.request.sizes()["responseBodySize"] for each in loaded)
    found += [f"{len(loaded)} requests"] if len(loaded) > MOST_REQUESTS else []
    found += [f"{size} bytes"] if size > MOST_BYTES else []
    found += [each.url for each in loaded if urlsplit(each.url).hostname != "127.0.0.1"]
    # What axe itself does to a page is not the page's.
    found += seen.complaints
    found += _violations(page, "light", Axe())
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 320, "height": 800})
    found += _violations(page, "dark, 320 px", Axe(""))
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append("wider than 320 px")
    seen.complaints.clear()
    return found


def _violations(page: Page, how: str, axe: Axe) -> list[str]:
    """:param axe: with its script, or without it on a page that has it already"""
    found = axe.run(page, options=RULES).response["violations"]
    return [f"{how}: {each['id']} {each['nodes'][0]['html'][:160]}" for each in found]


def test_every_page_is_light_keeps_the_policy_and_has_no_barrier(visitor: Page) -> None:
    seen = watch(visitor)

    wrong = [f"{path} {fault}" for path in pages() for fault in wrong_with(visitor, path, seen)]

    assert not wrong, "\n".join(wrong)
