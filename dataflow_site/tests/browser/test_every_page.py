"""What holds for every page: it is light, keeps the policy, asks nobody else, and everyone can use it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response, ViewportSize

from dataflow_site.tests.browser import barriers, keyboard
from dataflow_site.tests.browser.addresses import SAMPLE, pages
from deploy.testing.deployment import Deployment

pytestmark = [pytest.mark.browser, pytest.mark.services]

MOST_REQUESTS, MOST_BYTES = 12, 90 * 1024  # of a page that nothing is cached of
LARGEST_PAINTED, SLOWER, TRIES = 1000, 4, 5  # milliseconds, times, loads of which the best counts
# 400 % of a window of 1280 by 1024.
ZOOMED: ViewportSize = {"width": 320, "height": 256}

_LARGEST_PAINT = """() => new Promise((done) => {
  let last = 0;
  new PerformanceObserver((list) => { last = list.getEntries().at(-1).startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  setTimeout(() => done(last), 500);
})"""


class Seen(NamedTuple):
    """What the browser noticed while a page was open."""

    answers: list[Response]
    complaints: list[str]


def watch(page: Page) -> Seen:
    seen = Seen([], [])

    def note(answer: Response) -> None:
        seen.answers.append(answer)

    page.on("response", note)
    page.on("console", lambda told: seen.complaints.append(told.text) if told.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    return seen


def opens(page: Page, path: str) -> bool:
    """Open an address and return whether it has a page: some are actions alone, or of what this product has none."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    answer = page.goto(path, wait_until="load")
    assert answer
    return answer.status not in (404, 405)


def wrong_with(page: Page, path: str, seen: Seen) -> list[str]:
    """Open a page and return what is wrong with it."""
    seen.answers.clear()
    if not opens(page, path):
        seen.complaints.clear()
        return []
    loaded = [each for each in seen.answers if "/ws/" not in each.url]
    found = [] if loaded[0].status == 200 else [f"status {loaded[0].status}"]
    size = sum(each.request.sizes()["responseBodySize"] for each in loaded)
    found += [f"{len(loaded)} requests"] if len(loaded) > MOST_REQUESTS else []
    found += [f"{size} bytes"] if size > MOST_BYTES else []
    found += [each.url for each in loaded if urlsplit(each.url).hostname != "127.0.0.1"]
    # What axe itself does to a page is not the page's.
    found += seen.complaints
    # And stays so: nothing changes its colours slowly while axe looks.
    page.emulate_media(reduced_motion="reduce")
    barriers.shorten(page)
    found += barriers.drawings(page) + barriers.moving(page)
    found += barriers.violations(page, "light")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(ZOOMED)
    barriers.open_all(page)
    found += barriers.violations(page, "dark, all open, 320 px", barriers.SEEN_RULES)
    found += barriers.drawings(page) + barriers.cut_off(page)
    seen.complaints.clear()
    return found


def walked(page: Page, path: str) -> list[str]:
    """Walk through a page by keyboard, on a desk and zoomed in, and return what is wrong with the way."""
    found = [*keyboard.walk(page), *keyboard.skip(page)]
    page.set_viewport_size(ZOOMED)
    page.goto(path)
    return found + [f"at 400 %: {fault}" for fault in keyboard.walk(page)]


def largest_paint(page: Page, path: str) -> float:
    """Return when the largest part of a page was drawn, in ms since it was asked for."""
    page.goto(path)
    return float(page.evaluate(_LARGEST_PAINT))


def test_every_page_is_light_keeps_the_policy_and_has_no_barrier(visitor: Page, filled: Deployment) -> None:
    seen = watch(visitor)

    wrong = [f"{path} {fault}" for path in pages(filled.raw_topic) for fault in wrong_with(visitor, path, seen)]
    for path in SAMPLE:
        assert opens(visitor, path)
        wrong += [f"{path} {fault}" for fault in keyboard.walk(visitor) + keyboard.skip(visitor)]
    wrong += keyboard.dialog(visitor, "/") + barriers.lamps(visitor)

    assert not wrong, "\n".join(wrong)


@pytest.mark.thorough
def test_every_page_is_walked_by_keyboard_on_a_desk_and_at_400_percent(visitor: Page, filled: Deployment) -> None:
    addresses = [path for path in pages(filled.raw_topic) if opens(visitor, path)]

    wrong = [f"{path} {fault}" for path in addresses if opens(visitor, path) for fault in walked(visitor, path)]

    assert not wrong, "\n".join(wrong)


@pytest.mark.thorough
def test_what_is_opened_has_no_barrier_and_gives_the_focus_back(visitor: Page) -> None:
    wrong = keyboard.dialog(visitor, "/") + keyboard.menu(visitor, "/events/")
    for scheme in ("light", "dark"):
        for name, is_open in keyboard.OPENED.items():
            visitor.emulate_media(color_scheme=scheme)
            is_open(visitor)
            wrong += barriers.violations(visitor, f"{name}, {scheme}")

    assert not wrong, "\n".join(wrong)


@pytest.mark.thorough
def test_in_the_colours_of_the_reader_states_and_choices_are_still_told_apart(
    visitor: Page, filled: Deployment
) -> None:
    wrong = []
    for path in pages(filled.raw_topic):
        if opens(visitor, path):
            visitor.emulate_media(forced_colors="active")
            wrong += [f"{path} {fault}" for fault in barriers.forced(visitor)]
            visitor.emulate_media(forced_colors="none")

    assert not wrong, "\n".join(wrong)


@pytest.mark.thorough
def test_the_largest_part_of_every_page_is_drawn_within_a_second_by_a_processor_four_times_slower(
    visitor: Page, filled: Deployment
) -> None:
    addresses = [path for path in pages(filled.raw_topic) if opens(visitor, path)]
    devtools = visitor.context.new_cdp_session(visitor)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})

    late = {}
    for path in addresses:
        tries: list[float] = []
        while len(tries) < TRIES and min(tries, default=LARGEST_PAINTED + 1) > LARGEST_PAINTED:
            tries.append(largest_paint(visitor, path))
        if min(tries) > LARGEST_PAINTED:
            late[path] = tries

    assert late == {}
