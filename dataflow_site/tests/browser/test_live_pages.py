"""Pages beside real receivers and consumers: what is sent is seen, at a steady pace, with a flat heap, with and without scripts."""

from __future__ import annotations

import itertools
import re
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from dashboard.tests.browser.visitors import sign_in
from dashboard.tests.people import person
from deploy.testing.deployment import Deployment, ProductProcess
from processing.models import Event
from processing.tests.posting import post

pytestmark = [pytest.mark.browser, pytest.mark.services]

VISIBLE_SECONDS = 2.0
FRAMES = (3.0, 5.0)  # a second
HEAP_BYTES, FRAMES_OF_SCREEN = 5_000_000, 50  # grown by at most, a second at least
ANNOUNCED_MS = 5000 - 50  # between two announcements; timers are not exact
WITH_NUMBERS = ("/", "/events/", "/sources/", "/sources/sensor-1/", "/dead-letters/", "/pipeline/", "/logic/", "/jobs/")
NUMBERS = ("told.accepted", "ledger.stored", "ledger.duplicate", "ledger.deadLettered", "ledger.unaccounted")


# Numbers of a page, but those that pass with time.
_FIGURES = r"""() => {
  const main = document.querySelector("main").cloneNode(true);
  const passing = "time, .when, svg, canvas, .uplot, noscript, template, script, .note, [data-bind^='rate'], [data-bind='lag.seconds'], #stores, #flow, #doors, #movers, [data-live] header, [data-panel='tail'] header, pre";
  for (const element of main.querySelectorAll(passing)) element.remove();
  return [...main.querySelectorAll("td, dd, b, .value")].map((each) => each.textContent.trim()).filter((text) => /^[\d,.]+( %)?$/.test(text));
}"""
# When live regions changed: as a change is told, not how much of it.
_LISTEN = r"""
window.told = [];
const region = "[aria-live=polite], [aria-live=assertive], [role=status], [role=alert], [role=log], output";
new MutationObserver((changes) => {
  const heard = changes.some(({ target }) => (target.nodeType === 1 ? target : target.parentElement)?.closest(region));
  if (heard) window.told.push(performance.now());
}).observe(document, { childList: true, characterData: true, subtree: true });
addEventListener("load", () => (window.told = []));
"""


@pytest.fixture
def receiver(site: Deployment) -> ProductProcess:
    site.start_consumer()
    return site.start_ingest()


@pytest.fixture
def web(site: Deployment) -> ProductProcess:
    return site.start_web()


def reading(source: str, temperature: float) -> dict[str, object]:
    return {
        "sourceId": source,
        "timestamp": datetime.now(tz=UTC).isoformat(),
        "payload": {"temperature": temperature},
    }


@contextmanager
def load(receiver: ProductProcess, rate: int) -> Iterator[None]:
    """Send so many events a second, in arrays, until the block ends."""
    stopped = threading.Event()

    def send() -> None:
        due = time.monotonic()
        while not stopped.is_set():
            post(receiver.url, [reading(f"sensor-{number % 50}", number) for number in range(rate // 10)])
            due += 0.1
            stopped.wait(max(0.0, due - time.monotonic()))

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        stopped.set()
        sender.join()


@pytest.mark.thorough
def test_what_is_sent_is_seen_in_tail_source_and_tile_within_two_seconds(
    browser: Browser, web: ProductProcess, receiver: ProductProcess, site: Deployment
) -> None:
    post(receiver.url, reading("sensor-1", 0.5))
    site.wait_for(lambda: "sensor-1" in site_text(browser, f"{web.url}/sources/"), 30)
    tail, source, overview = (browser.new_page() for _ in range(3))
    for page, path in ((tail, "/events/"), (source, "/sources/sensor-1/"), (overview, "/")):
        page.goto(web.url + path)
        expect(page.locator(".connection")).to_have_text("Live", timeout=15_000)
    places = {"tail": tail, "source": source, "tile": overview}

    seconds: dict[str, list[float]] = {name: [] for name in places}
    for number in range(1, 6):
        value = 1000.25 + number
        began = time.monotonic()
        post(receiver.url, reading("sensor-1", value))
        shown = re.compile(f"1,?{value - 1000:06.2f}")
        for name, page in places.items():
            expect(page.locator("main")).to_contain_text(shown, timeout=15_000)
            seconds[name].append(time.monotonic() - began)

    slow = {name: found for name, found in seconds.items() if statistics.median(found) >= VISIBLE_SECONDS}
    assert slow == {}


@pytest.mark.thorough
def test_frames_come_four_times_a_second(page: Page, web: ProductProcess, receiver: ProductProcess) -> None:
    frames: list[float] = []

    def follow(socket: WebSocket) -> None:
        socket.on("framereceived", lambda text: frames.append(time.monotonic()) if '"type":"frame"' in text else None)

    page.on("websocket", follow)
    with load(receiver, 200):
        page.goto(web.url)
        expect(page.locator(".connection")).to_have_text("Live", timeout=15_000)
        page.wait_for_timeout(2_000)
        frames.clear()
        page.wait_for_timeout(10_000)

    assert FRAMES[0] <= len(frames) / 10 <= FRAMES[1]


@pytest.mark.thorough
def test_a_minute_at_ten_thousand_events_a_second_leaves_heap_and_page_as_they_were(
    page: Page, web: ProductProcess, receiver: ProductProcess
) -> None:
    devtools = page.context.new_cdp_session(page)

    def heap() -> float:
        devtools.send("HeapProfiler.collectGarbage")
        return float(devtools.send("Runtime.getHeapUsage")["usedSize"])

    with load(receiver, 10_000):
        page.goto(web.url)
        expect(page.locator(".connection")).to_have_text("Live", timeout=30_000)
        page.wait_for_timeout(5_000)
        heap_before, nodes_before = heap(), page.locator("*").count()
        drawn = page.evaluate(
            """() => new Promise((done) => {
              let frames = 0; const end = performance.now() + 60000;
              const next = () => { frames += 1; performance.now() < end ? requestAnimationFrame(next) : done(frames / 60); };
              requestAnimationFrame(next);
            })"""
        )
        grown, nodes = heap() - heap_before, page.locator("*").count()

    assert grown < HEAP_BYTES
    assert drawn >= FRAMES_OF_SCREEN
    assert abs(nodes - nodes_before) < nodes_before * 0.1


def test_without_scripts_the_numbers_are_the_same(
    browser: Browser, web: ProductProcess, receiver: ProductProcess, site: Deployment
) -> None:
    post(receiver.url, [reading(f"sensor-{number}", number) for number in range(7)])
    post(receiver.url, reading("sensor-1", 1.0))
    plain = browser.new_context(java_script_enabled=False).new_page()
    scripted = browser.new_page()

    def numbers(page: Page) -> dict[str, str]:
        return {name: page.locator(f'[data-bind="{name}"]').first.inner_text() for name in NUMBERS}

    def both() -> bool:
        plain.goto(web.url)
        return numbers(plain) == numbers(scripted) and numbers(plain)["ledger.stored"] == "8"

    scripted.goto(web.url)
    expect(scripted.locator(".connection")).to_have_text("Live", timeout=15_000)
    site.wait_for(both, 30)
    for path in WITH_NUMBERS:
        plain.goto(web.url + path)
        scripted.goto(web.url + path)
        expect(scripted.locator(".connection")).to_have_text("Live", timeout=15_000)
        site.wait_for(lambda: plain.reload() and figures(plain) == figures(scripted), 30)
        assert plain.locator("h1").count() == 1


def figures(page: Page) -> list[str]:
    """Return the numbers of a page in their order, but those that pass with time: ages, rates, and what an answer took."""
    found: list[str] = page.evaluate(_FIGURES)
    return found


@pytest.mark.thorough
def test_a_screen_reader_is_told_something_every_five_seconds_at_most(
    browser: Browser, web: ProductProcess, receiver: ProductProcess
) -> None:
    context = browser.new_context()
    context.add_init_script(_LISTEN)
    with load(receiver, 1_000):
        opened = {
            path: context.new_page() for path in ("/", "/events/", "/sources/", "/sources/sensor-1/", "/pipeline/")
        }
        for path, page in opened.items():
            page.goto(web.url + path)
            expect(page.locator(".connection")).to_have_text(re.compile("Live"), timeout=15_000)
        page.wait_for_timeout(20_000)

    told = {path: page.evaluate("window.told") for path, page in opened.items()}
    often = {
        path: times
        for path, times in told.items()
        if any(later - earlier < ANNOUNCED_MS for earlier, later in itertools.pairwise(times))
    }
    assert often == {}


@pytest.mark.thorough
def test_a_viewer_of_one_source_sees_nothing_of_others_on_any_page_or_in_any_frame(
    browser: Browser, receiver: ProductProcess, site: Deployment
) -> None:
    web = site.start_web({"DATAFLOW_OPEN_READ": "0"})
    post(receiver.url, [reading("mine-1", 20.5), *(reading("theirs-1", 4711.25) for _ in range(3))])
    site.wait_for(lambda: Event.objects.count() == 4, 30)
    seen: list[str] = []
    with browser.new_context(base_url=web.url) as context:
        sign_in(context, web, person("bound", role="viewer", sources=("mine-*",)))
        page = context.new_page()
        page.on("websocket", lambda socket: socket.on("framereceived", lambda text: seen.append(str(text))))
        for path in (
            "/",
            "/events/",
            "/events/?start=now-1h",
            "/sources/",
            "/pipeline/",
            "/dead-letters/",
            "/jobs/",
            "/logic/",
        ):
            page.goto(path)
            expect(page.locator(".connection")).to_have_text(re.compile("Live"), timeout=15_000)
            post(receiver.url, [reading("mine-1", 21.5), reading("theirs-1", 4711.25)])
            page.wait_for_timeout(1_500)
            seen.append(page.locator("main").inner_text())
        for words in ("theirs", "4711"):
            page.goto(f"/search/?q={words}")
            seen.append(page.locator("#content").inner_text())
        answer = page.goto("/sources/theirs-1/")
        assert answer
        seen.append(page.locator("#content").inner_text().replace("theirs-1", ""))

    assert any("mine-1" in text for text in seen)
    assert [text for text in seen if re.search("theirs-1|4,?711.25", text)] == []


def site_text(browser: Browser, address: str) -> str:
    page = browser.new_page()
    page.goto(address)
    text = page.locator("main").inner_text()
    page.close()
    return text
