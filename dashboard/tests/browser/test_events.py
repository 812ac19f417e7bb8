"""The page of events in a browser: live with a filter and a pause, and the explorer with its histogram and completion."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from dashboard.tests.conftest import Announcer
from dashboard.tests.consumer_frames import consumer_frame, source_frame, tail_event
from deploy.testing.deployment import Deployment, ProductProcess
from processing.live_feed import ConsumerFrame
from queries.tests.stored import NOON, account, make_event, store, store_document

pytestmark = [pytest.mark.browser, pytest.mark.services]


@pytest.fixture
def web(site: Deployment) -> ProductProcess:
    return site.start_web()


@pytest.fixture(autouse=True)
def _clean_console(console: list[str]) -> Iterator[None]:
    yield
    assert console == []


def of(*names: str, source: str = "plant-1", stored: int | None = None) -> ConsumerFrame:
    count = len(names) if stored is None else stored
    return consumer_frame({source: source_frame(stored=count)}, [tail_event(name, source) for name in names])


def test_the_tail_shows_what_passes_says_what_it_leaves_out_and_keeps_what_comes_in_a_pause(
    page: Page, web: ProductProcess, site: Deployment, announcer: Announcer
) -> None:
    event = make_event("plant-1", payload={"temperature": 23.5, "room": {"name": "hall 7"}})
    store(event)
    store_document(event)
    account("plant-1")
    page.goto(f"{web.url}/events/?filter=source:plant-*+temperature>20&columns=temperature,room.name")
    expect(page.locator(".connection")).to_have_text("Live", timeout=15_000)
    rows = page.locator("[data-live] tbody tr[data-key]")
    expect(rows).to_have_count(1)

    expect(rows.first.locator("td.cell")).to_have_text(["23.5", "hall 7"])

    site.wait_for(lambda: announcer.publish(of("first")) and rows.count() == 2, 15)
    expect(rows.first.locator("td.cell")).to_have_text(["23.5", "–"])
    announcer.publish(of("other", source="yard-1"))
    announcer.publish(of("flood", stored=900))
    expect(rows).to_have_count(3)
    expect(page.locator("[data-shown]")).to_contain_text("were looked at")
    assert "yard-1" not in rows.all_inner_texts()

    # An event that is opened stays where it is.
    rows.last.locator("a[data-open]").click()
    opened = page.locator("tr.opened")
    expect(opened).to_contain_text("What became of it", timeout=15_000)
    expect(opened.locator(".tree").first).to_contain_text('"hall 7"')
    announcer.publish(of("second", "third"))
    expect(page.get_by_role("button", name="Resume (2 new)")).to_be_visible()
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Resume (2 new)").click()
    expect(rows).to_have_count(5)
    expect(opened).to_have_count(1)

    # And of what a pause did not keep it says so.
    page.get_by_role("button", name="Pause").click()
    announcer.publish(of("fourth", stored=900))
    page.get_by_role("button", name="Resume (at least 1 new)").click()
    expect(page.locator("[data-missed]")).to_contain_text("Only a sample of what came")


def test_the_explorer_is_zoomed_by_dragging_and_filtered_by_keyboard_with_completion(
    page: Page, web: ProductProcess
) -> None:
    store(*(make_event("plant-1", ts=NOON + timedelta(minutes=n), payload={"temperature": n}) for n in range(60)))
    account("plant-1")
    page.goto(f"{web.url}/events/?start=2009-04-11T12:00:00Z&end=2009-04-11T13:00:00Z")
    expect(page.locator("#histogram-title")).to_have_text("60 events")

    box = page.locator(".histogram svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 20, steps=4)
    page.mouse.up()
    expect(page.locator("#histogram-title")).to_have_text("15 events")

    page.get_by_role("combobox", name="Filter").focus()
    page.keyboard.type("temp")
    expect(page.locator("#filter-options li")).to_have_text("temperature> number")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    expect(page.locator("#histogram-title")).to_have_text("4 events")
    assert page.locator("[data-rows] tbody tr").count() == 4
    page.go_back()
    expect(page.locator("#histogram-title")).to_have_text("15 events")
