from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect

from deploy.testing.deployment import Deployment, ProductProcess
from processing.models import DeadLetter, Event
from processing.tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.services]

GARBAGE = b'{"sourceId": "meter-7", "timestamp": "yesterday", "payload": {"temperature": 21.5}}'


@pytest.fixture
def web(site: Deployment, page: Page) -> ProductProcess:
    """The whole product but its receivers, and an operator who is signed in."""
    site.start_consumer()
    site.start_jobs()
    started = site.start_web()
    client = Client()
    client.force_login(User.objects.create_superuser("ann", password=None))
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": started.url}])
    return started


@pytest.fixture(autouse=True)
def _clean_console(page: Page) -> Iterator[None]:
    """No page may say anything wrong on the console, the policy's refusals included."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield
    assert said == []


def test_garbage_is_found_read_mended_and_closed(page: Page, web: ProductProcess, site: Deployment) -> None:
    factories.put(site.raw_topic, GARBAGE, headers=[])
    site.wait_for(DeadLetter.objects.exists, 30)

    page.goto(f"{web.url}/admin/processing/deadletter/")
    page.locator("#searchbar").fill("meter-7")
    page.get_by_role("button", name="Search").click()
    with page.expect_download() as export:
        page.get_by_role("link", name="Export as NDJSON").click()
    assert b64decode(json.loads(export.value.path().read_text())["raw"]) == GARBAGE
    page.locator("#result_list tbody a").first.click()
    expect(page.locator(".field-why")).to_contain_text("The timestamp is not of the required form, or out of range")

    page.get_by_role("link", name="Edit and redrive").click()
    event = page.locator("textarea[name=event]")
    event.fill(event.input_value().replace("yesterday", "2026-03-01T12:00:00Z"))
    page.get_by_role("button", name="Try it first").click()
    expect(page.locator(".outcome")).to_contain_text("1 of 1 would be stored now")
    page.locator("input[name=note]").fill("the clock was off")
    page.get_by_role("button", name="Redrive the edited event").click()
    expect(page.locator(".field-state")).to_contain_text("Done", timeout=30_000)

    page.locator(".object-tools a").click()
    site.wait_for(lambda: page.reload() and "Stored" in page.locator(".field-state").inner_text(), 30)
    expect(page.locator(".field-changes")).to_contain_text('+  "timestamp": "2026-03-01T12:00:00Z"')
    expect(page.locator(".field-history")).to_contain_text("the clock was off")
    assert Event.objects.get(source_id="meter-7").payload == {"temperature": 21.5}
