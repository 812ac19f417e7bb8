"""The page of a source in a browser: what charts show and keep, and a source that was not known a moment before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from dashboard.tests.conftest import Announcer
from dashboard.tests.consumer_frames import consumer_frame, source_frame
from dashboard.tests.people import person
from dashboard.tests.rows import Rows
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.models import Source
from processing.models import SourceStatistics

pytestmark = [pytest.mark.browser, pytest.mark.services]


@pytest.fixture
def web(site: Deployment) -> ProductProcess:
    return site.start_web()


@pytest.fixture(autouse=True)
def _clean_console(console: list[str]) -> Iterator[None]:
    yield
    assert [text for text in console if "WebSocket" not in text and "ERR_CONNECTION" not in text] == []


def test_a_zoom_has_finer_values_and_outlives_live_frames_until_one_goes_back(
    page: Page, web: ProductProcess, site: Deployment, rows: Rows, announcer: Announcer
) -> None:
    now = datetime.now(tz=UTC).replace(second=0, microsecond=0)
    rows.source("sensor-1")
    SourceStatistics.objects.update(last_seen=now, latest_event=now)
    for number in range(50):
        rows.minute("sensor-1", "temperature", now - timedelta(minutes=50 - number), 20.0 + number)
        rows.minute("sensor-1", "humidity", now - timedelta(minutes=50 - number), 40.0)

    page.goto(f"{web.url}/sources/sensor-1/?range=6h")
    expect(page.locator(".series canvas")).to_have_count(2, timeout=15_000)
    over, told = page.locator('[data-field="temperature"] .u-over'), page.locator("[data-range-text]")
    box = over.bounding_box()
    assert box is not None
    # The cross-hair is one for all charts, with the time and the values below it.
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 20)
    for field in ("temperature", "humidity"):
        expect(page.locator(f'[data-field="{field}"] [data-reading]')).to_contain_text("1 event")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + 30, steps=4)
    page.mouse.up()

    expect(page.locator("[data-back]")).to_be_visible(timeout=10_000)
    assert "from=" in page.url
    zoomed, address = told.inner_text(), page.url
    latest = page.locator('[data-field="temperature"] [data-latest]')
    later = 4_000_000_000_000_000
    frame = consumer_frame({"sensor-1": source_frame(stored=1, at=later, temperature=(later, 99.5))}, [])
    site.wait_for(lambda: announcer.publish(frame) and latest.inner_text() == "99.5", 15)
    assert (told.inner_text(), page.url) == (zoomed, address)

    page.reload()
    expect(told).to_have_text(zoomed, timeout=15_000)
    page.locator("[data-back]").click()
    expect(page.locator("[data-back]")).to_be_hidden(timeout=10_000)
    page.go_back()
    expect(told).to_have_text(zoomed, timeout=10_000)


def test_settings_are_changed_by_keyboard_alone(page: Page, web: ProductProcess, rows: Rows) -> None:
    rows.source("gauge-2")
    rows.field("gauge-2", "temperature", [20.0, 24.0])
    client = person("olga", role="operator")
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": web.url}])
    keys = page.keyboard
    page.goto(f"{web.url}/sources/gauge-2/")

    page.get_by_text("Edit", exact=True).focus()
    keys.press("Enter")
    for typed in ("At the gate", "site: north", "2.5"):
        keys.press("Tab")
        keys.type(typed)
    # Past the unit of all fields to that of the one.
    for _ in range(2):
        keys.press("Tab")
    keys.type("°C")
    keys.press("Tab")
    expect(page.get_by_label("Enabled")).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")

    expect(page.get_by_text("Saved. Receivers know it within seconds.")).to_be_visible(timeout=15_000)
    expect(page.locator('[data-field="temperature"] .latest')).to_have_text("24 °C")
    source = Source.objects.get(pk="gauge-2")
    assert (source.description, source.expected_interval, source.enabled) == ("At the gate", 2.5, True)
    assert source.labels == {"site": "north", "unit.temperature": "°C"}


def test_a_source_that_nobody_knows_turns_into_itself_with_its_first_event(
    page: Page, web: ProductProcess, rows: Rows
) -> None:
    page.goto(f"{web.url}/sources/gauge-1/")
    expect(page.locator("#content")).to_contain_text("Nothing from gauge-1 yet.")

    rows.source("gauge-1")
    rows.field("gauge-1", "temperature", [20.0, 24.0])

    expect(page.locator(".series canvas")).to_have_count(1, timeout=20_000)
    expect(page.locator("#content")).not_to_contain_text("Nothing from gauge-1 yet.")
