from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from dashboard.tests.conftest import Announcer, ReceiverBeats
from dashboard.tests.consumer_frames import consumer_frame, source_frame, tail_event
from dashboard.tests.rows import Rows
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.acceptance.backpressure import BackpressureState
from processing.live_feed import ConsumerFrame

pytestmark = [pytest.mark.browser, pytest.mark.services]

STALE_SECONDS = 3.0 + 0.5  # and what a machine that runs other tests takes to look


@pytest.fixture
def web(site: Deployment) -> ProductProcess:
    return site.start_web()


@pytest.fixture(autouse=True)
def _clean_console(console: list[str]) -> Iterator[None]:
    """No page may say anything wrong on the console, the policy's refusals included."""
    yield
    assert [text for text in console if "WebSocket" not in text and "ERR_CONNECTION" not in text] == []


def test_the_overview_moves_without_being_loaded_again(
    page: Page, web: ProductProcess, site: Deployment, rows: Rows, announcer: Announcer
) -> None:
    rows.source("sensor-1", stored=1000)
    rows.field("sensor-1", "temperature", [21.0])

    page.goto(web.url)
    expect(page.locator(".connection")).to_have_text("Live", timeout=15_000)
    latest = page.locator('tr[data-source="sensor-1"] dd')
    # Frames are best effort: a frame before the page subscribes reaches no page.
    site.wait_for(lambda: announcer.publish(hot_frame()) and latest.inner_text() == "35.5", 15)

    expect(page.locator('[data-panel="tail"]')).to_contain_text("the-newest")
    expect(page.locator('[data-panel="rate"] canvas')).to_be_visible(timeout=15_000)
    expect(page.locator('[data-figure="unaccounted"] .value')).to_have_text("0")


def test_an_outage_of_postgresql_is_said_and_forgotten_by_itself(
    page: Page, web: ProductProcess, site: Deployment, rows: Rows
) -> None:
    rows.source("sensor-1", stored=1000)
    page.goto(web.url)
    expect(page.locator(".connection")).to_have_text("Live", timeout=15_000)
    expect(page.locator("[data-verdict]")).to_have_text("Every event is accounted for.", timeout=15_000)

    site.servers.postgres.stop()
    expect(page.locator("[data-notices] li")).to_contain_text("PostgreSQL does not answer", timeout=15_000)
    expect(page.locator('[data-figure="unaccounted"] .value')).to_have_text("–")
    site.servers.postgres.start()

    expect(page.locator("[data-notices] li")).to_have_count(0, timeout=15_000)
    expect(page.locator("[data-verdict]")).to_have_text("Every event is accounted for.")


def test_the_receivers_counters_move_without_the_page_being_loaded_again(
    page: Page, web: ProductProcess, receiver_beats: ReceiverBeats
) -> None:
    page.goto(web.url)
    step = page.locator("#flow li").first
    expect(step).to_contain_text("none runs")

    receiver_beats.say("host-1", accepted=50, refused={"not_json": 2})
    expect(step).to_contain_text("1 process", timeout=15_000)
    receiver_beats.say(
        "host-1", accepted=1_000, refused={"not_json": 2, "missing_field": 9}, guard=BackpressureState("closed", "late")
    )

    expect(step).to_contain_text("11 rejected, most: A required field is missing", timeout=15_000)
    expect(step).to_contain_text("1 closed: late")


def hot_frame() -> ConsumerFrame:
    later = 4_000_000_000_000_000
    return consumer_frame(
        {"sensor-1": source_frame(stored=40, at=later, temperature=(later, 35.5))},
        [tail_event("the-newest", "the-newest")],
    )


def test_a_source_draws_its_fields(page: Page, web: ProductProcess, rows: Rows) -> None:
    rows.source("sensor-1")
    rows.field("sensor-1", "temperature", [20.0, 24.0, 22.0])
    rows.field("sensor-1", "humidity", [50.0, 51.0, 52.0])

    page.goto(f"{web.url}/sources/sensor-1/")

    expect(page.locator(".series canvas")).to_have_count(2, timeout=15_000)
    expect(page.locator('[data-field="temperature"] .latest')).to_have_text("22")


def test_a_page_whose_server_is_gone_says_that_it_is_late(page: Page, web: ProductProcess) -> None:
    page.goto(web.url)
    expect(page.locator(".connection")).to_have_text("Live", timeout=15_000)

    web.freeze()
    stalled = time.monotonic()
    try:
        expect(page.locator(".connection")).to_have_text("Late", timeout=10_000)
        assert time.monotonic() - stalled < STALE_SECONDS
        expect(page.locator('[data-panel="numbers"]')).to_contain_text("what is shown may be old")
    finally:
        web.thaw()
    expect(page.locator(".connection")).to_have_text("Live", timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_pages_without_scrolling_sideways(
    page: Page, web: ProductProcess, rows: Rows, scheme: str
) -> None:
    rows.source("gateway-eu-west-1.rack-12.node-3")
    rows.field("gateway-eu-west-1.rack-12.node-3", "temperature", [20.0, 24.0])
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    for path in ("/", "/sources/", "/sources/gateway-eu-west-1.rack-12.node-3/"):
        page.goto(f"{web.url}{path}")

        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
