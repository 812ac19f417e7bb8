from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from dashboard.tests.browser.visitors import sign_in
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
    sign_in(page.context, started)
    return started


@pytest.fixture(autouse=True)
def _clean_console(console: list[str]) -> Iterator[None]:
    """No page may say anything wrong on the console, the policy's refusals included."""
    yield
    assert console == []


def test_garbage_is_found_read_mended_and_closed(page: Page, web: ProductProcess, site: Deployment) -> None:
    factories.put(site.raw_topic, GARBAGE, headers=[])
    site.wait_for(DeadLetter.objects.exists, 30)

    page.goto(f"{web.url}/dead-letters/")
    page.get_by_role("searchbox", name="Find dead letters").fill("meter-7")
    page.get_by_role("button", name="Find").click()
    with page.expect_download() as export:
        page.get_by_role("link", name="Export as NDJSON").click()
    assert b64decode(json.loads(export.value.path().read_text())["raw"]) == GARBAGE
    page.locator("table.letters tbody a").first.click()
    expect(page.locator("#letter")).to_contain_text("The timestamp is not of the required form, or out of range")
    expect(page.locator("pre.sent mark")).to_have_text('"yesterday"')

    event = page.get_by_role("textbox", name="Event", exact=True)
    text, send = event.input_value(), page.get_by_role("button", name="Send the edited event")
    event.fill(text.replace("yesterday", "today"))
    expect(page.locator("#checked")).to_contain_text("Not yet.", timeout=30_000)
    event.fill(text.replace("yesterday", "2026-03-01T12:00:00Z"))
    expect(page.locator("#checked")).to_contain_text("It would be stored now.", timeout=30_000)
    expect(send).to_have_class("main")
    page.get_by_role("textbox", name="Note for the history").fill("the clock was off")
    send.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_contain_text("1 stored", timeout=30_000)

    page.goto(f"{web.url}/dead-letters/{DeadLetter.objects.get().pk}/")
    expect(page.locator("#letter")).to_contain_text("stored")
    expect(page.locator("pre.diff")).to_contain_text('+  "timestamp": "2026-03-01T12:00:00Z"')
    expect(page.locator("#history")).to_contain_text("the clock was off")
    assert Event.objects.get(source_id="meter-7").payload == {"temperature": 21.5}


def test_what_is_alike_is_mended_by_the_steps_of_a_form(page: Page, web: ProductProcess, site: Deployment) -> None:
    alike = [b'{"sourceId": "meter-8", "timestamp": "1%d/2/2026", "payload": {"n": 1}}' % day for day in range(3, 8)]
    factories.put(site.raw_topic, *alike, GARBAGE.replace(b"meter-7", b"meter-8"), headers=[])
    site.wait_for(lambda: DeadLetter.objects.count() == 6, 30)

    page.goto(f"{web.url}/dead-letters/")
    page.get_by_role("link", name="Mend or redrive").click()
    page.get_by_label("Step 1: what to do").select_option("parse_date")
    expect(page.get_by_label("Step 2: what to do")).to_be_visible()
    page.get_by_label("Step 1: value, new name").fill("dd/mm/yyyy")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#tried")).to_contain_text("5 of 6 would be stored now")
    expect(page.locator("pre.diff")).to_have_count(4)
    page.get_by_role("button", name="Redrive 6").click()

    expect(page.locator("#result")).to_contain_text("5 stored", timeout=30_000)
    expect(page.locator("#result")).to_contain_text("1 not fixed by the mend stay open")
    assert Event.objects.filter(source_id="meter-8").count() == 5
    assert DeadLetter.objects.get(state="open").raw == GARBAGE.replace(b"meter-7", b"meter-8")
