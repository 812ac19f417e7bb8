"""A page whose connection is cut, or whose server is started again: it connects again, and shows what came in between."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from dashboard.tests.rows import NOON, Rows
from deploy.local import processes
from deploy.testing.deployment import Deployment

pytestmark = [pytest.mark.browser, pytest.mark.services]


def test_a_tail_shows_what_was_stored_while_there_was_no_connection_and_says_how_much_it_does_not_show(
    page: Page, site: Deployment, rows: Rows
) -> None:
    web = site.start_web()
    routes: list[WebSocketRoute] = []
    heard: list[str] = []
    is_cut = False

    def route(socket: WebSocketRoute) -> None:
        if is_cut:
            socket.close(code=1013)
            return
        routes.append(socket)
        server = socket.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            heard.append(str(message))
            socket.send(message)

        server.on_message(pass_on)

    page.route_web_socket(re.compile("/ws/live"), route)
    now = NOON
    rows.source("sensor-1", stored=1)
    rows.event("sensor-1", {"n": "before"}, stored=now - timedelta(minutes=3))
    page.goto(web.url)
    tail = page.locator('[data-panel="tail"]')
    expect(tail).to_contain_text('"before"')
    expect(page.locator(".connection")).to_have_text("Live", timeout=15_000)
    while not any('"id":"tail"' in message for message in heard):
        page.wait_for_timeout(50)

    is_cut = True
    routes[-1].close(code=1013)
    for number in range(120):
        rows.event("sensor-1", {"n": f"missed {number}"}, stored=now - timedelta(seconds=120 - number))
    is_cut = False

    expect(page.locator(".connection")).to_have_text("Live", timeout=30_000)
    expect(tail).to_contain_text('"missed 119"', timeout=15_000)
    expect(tail.locator(".gap")).to_have_text(
        "While there was no connection, 120 events were stored; the newest are shown.", timeout=15_000
    )
    assert len(routes) == 2
    # The snapshot with which the tail goes on has older ones, too: they have no place in a table that is full.
    while sum('"type":"snapshot","id":"tail"' in message for message in heard) < 2:
        page.wait_for_timeout(50)
    page.wait_for_timeout(300)
    assert _shown(tail) == [f"missed {number}" for number in range(119, 111, -1)]


def test_a_tail_that_polls_keeps_the_newest_on_top_also_when_an_event_of_the_past_comes(
    page: Page, site: Deployment, rows: Rows
) -> None:
    web = site.start_web()
    page.route_web_socket(re.compile("/ws/live"), lambda socket: socket.close(code=1013))
    rows.source("sensor-1", stored=1)
    for number in range(0, 60, 2):
        rows.event("sensor-1", {"n": f"event {number}"}, stored=NOON - timedelta(seconds=60 - number))

    page.goto(web.url)
    tail = page.locator('[data-panel="tail"]')
    expect(page.locator(".connection")).to_have_text("Every two seconds", timeout=30_000)
    for _ in range(2):
        with page.expect_response(re.compile("/live/tail/")):
            pass
    page.wait_for_timeout(300)
    assert _shown(tail) == [f"event {number}" for number in range(58, 42, -2)]

    rows.event("sensor-1", {"n": "event 55"}, stored=NOON - timedelta(seconds=5))
    expect(tail).to_contain_text('"event 55"', timeout=10_000)
    assert _shown(tail) == [f"event {number}" for number in (58, 56, 55, 54, 52, 50, 48, 46)]


def _shown(tail: Locator) -> list[str]:
    """Return the events of the table, from the top."""
    return re.findall(r'"n": "([^"]+)"', " ".join(tail.locator("td.payload, [data-cell=payload]").all_inner_texts()))


@pytest.mark.thorough
def test_a_page_outlives_a_restart_of_its_server_and_shows_each_event_once(
    page: Page, site: Deployment, rows: Rows
) -> None:
    web = site.start_web()
    now = NOON
    rows.source("sensor-1", stored=1)
    rows.event("sensor-1", {"n": "before"}, stored=now - timedelta(minutes=3))
    page.goto(f"{web.url}/events/")
    tail, lamp = page.locator('[data-panel="tail"] tbody tr[data-key]'), page.locator(".connection")
    expect(lamp).to_have_text("Live", timeout=15_000)
    expect(tail).to_have_count(1)
    page.evaluate("window.isSamePage = true")

    web.kill()
    expect(lamp).to_have_text(re.compile("Late|Unknown"), timeout=10_000)
    for number in range(12):
        rows.event("sensor-1", {"n": f"missed {number}"}, stored=now - timedelta(seconds=12 - number))
    again = site.launch(processes.WEB, port=web.port)
    site.await_ready(again, processes.WEB)

    expect(lamp).to_have_text("Live", timeout=40_000)
    expect(tail).to_have_count(13, timeout=15_000)
    keys = [row.get_attribute("data-key") for row in tail.all()]
    assert len(set(keys)) == 13
    assert page.evaluate("window.isSamePage")
