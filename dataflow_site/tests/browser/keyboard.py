"""A walk through a page by the Tab key: what it reaches, in which order, and whether one sees where one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypedDict

from playwright.sync_api import Page, expect

from dataflow_site.tests.browser.addresses import RULE

MOST_STOPS = 400  # of a page that is walked; a longer one is a list, and its end like its middle

PARTS_OF_A_DATE = 9


class Stop(TypedDict):
    """Where the focus is."""

    place: int | None  # among what can have it, in the order of the document; None: nowhere
    stays: bool  # where it was already
    name: str
    fault: str | None


_HAS_FOCUS = "element => element === document.activeElement"
_IN_DIALOG = "Boolean(document.activeElement?.closest('dialog[open]'))"
_BEHIND_DIALOG = "document.activeElement !== document.body && !document.activeElement?.closest('dialog[open]')"

# A page may begin within a form; the walk begins before everything.
_FROM_THE_START = """() => {
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
  scrollTo(0, 0);
}"""

# What the Tab key has to reach, kept in the page.
_EXPECT = r"""() => {
  const wanted = "a[href], button, input, select, textarea, summary, [tabindex], [contenteditable]";
  const groups = new Set();
  const tabbable = (element) => {
    if (element.disabled || element.tabIndex < 0 || element.type === "hidden" || element.closest("[inert]")) return false;
    if (!element.checkVisibility({ visibilityProperty: true }) || element.getClientRects().length === 0) return false;
    if (element.tagName === "SUMMARY" && element.parentElement.querySelector("summary") !== element) return false;
    if (element.type !== "radio") return true;
    const group = `${element.form?.id} ${element.name}`;
    return !groups.has(group) && groups.add(group);
  };
  window.lastStop = null;
  window.walked = [...document.querySelectorAll(wanted)].filter(tabbable);
  return {
    count: window.walked.length,
    jumps: [...document.querySelectorAll("[tabindex]")].filter(({ tabIndex }) => tabIndex > 0).length,
  };
}"""

# Whether the focus is seen: an outline, a border or a shadow that the element lacks otherwise, in the window and below nothing.
_STOP = r"""last => {
  const element = document.activeElement;
  if (!element || element === document.body || element === document.documentElement) return { place: null, stays: false, name: "", fault: null };
  const stays = window.lastStop === element;
  window.lastStop = element;
  const name = element.outerHTML.slice(0, 120);
  let place = window.walked.indexOf(element);
  // A part that was loaded again has other elements with the same words.
  const key = (each) => each.id || each.getAttribute("href") || each.getAttribute("aria-label") || each.name || each.textContent;
  const same = (each) => !each.isConnected && each.tagName === element.tagName && key(each) === key(element);
  if (place < 0) place = window.walked.findIndex((each, i) => i > last && same(each));
  const style = getComputedStyle(element);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 && style.outlineColor !== "rgba(0, 0, 0, 0)";
  let fault = outlined || style.boxShadow !== "none" ? null : "no visible focus";
  const boxes = [...element.getClientRects()].filter(({ width, height }) => width && height);
  const box = element.getBoundingClientRect();
  const inside = (x, y) => x >= 0 && y >= 0 && x < innerWidth && y < innerHeight;
  const points = boxes.flatMap(({ left, top, width, height }) =>
    [[0.5, 0.5], [0.02, 0.1], [0.98, 0.9], [0.02, 0.9], [0.98, 0.1]].map(([x, y]) => [left + x * width, top + y * height]));
  const shown = points.filter(([x, y]) => inside(x, y)).some(([x, y]) => {
    const top = document.elementFromPoint(x, y);
    return top && (element.contains(top) || top.contains(element) || top.closest("label")?.control === element);
  });
  if (!fault && !shown) fault = `focus is not in view: ${Math.round(box.left)},${Math.round(box.top)} ${Math.round(box.width)}x${Math.round(box.height)}`;
  return { place: place < 0 ? null : place, stays, name, fault };
}"""


def walk(page: Page) -> list[str]:
    """Tab through a page that was just loaded and return what is wrong with the way."""
    # What is loaded while one walks moves what has the focus.
    page.wait_for_load_state("networkidle")
    page.evaluate(_FROM_THE_START)
    expected = page.evaluate(_EXPECT)
    found = [f"{expected['jumps']} elements have a place of their own in the order"] if expected["jumps"] else []
    last, stays, reached = -1, 0, set[int]()
    for stop in _stops(page, reached):
        found += [f"{stop['fault']}: {stop['name']}"] if stop["fault"] else []
        place = last if stop["place"] is None else stop["place"]
        # A field for a date has a stop for each of its parts.
        stays = stays + 1 if stop["stays"] else 0
        if stays > (PARTS_OF_A_DATE if 'type="date' in stop["name"] else 0):
            return [*found, f"trap at {stop['name']}"]
        found += [f"goes back to {stop['name']}"] if place < last else []
        last = place
    missed = sorted(set(range(min(expected["count"], MOST_STOPS // 2))) - reached)
    names = page.evaluate("places => places.map((place) => window.walked[place].outerHTML.slice(0, 120))", missed[:3])
    return found + ([f"{len(missed)} of {expected['count']} are not reached: {names}"] if missed else [])


def _stops(page: Page, reached: set[int]) -> Iterator[Stop]:
    """Press Tab until the focus leaves the page or begins again, and note the places."""
    last = -1
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop: Stop = page.evaluate(_STOP, last)
        place = stop["place"]
        if not stop["name"] or (place in reached and place != last):
            return
        yield stop
        if place is not None:
            last = place
            reached.add(place)


def skip(page: Page) -> list[str]:
    """Return whether the first stop of a page leads past its frame."""
    page.evaluate(_FROM_THE_START)
    page.keyboard.press("Tab")
    if not page.evaluate("document.activeElement.matches('.skip, .skip-to-content-link')"):
        return ["the first stop is no link to the content"]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = page.evaluate(
        "!document.activeElement.closest('header, nav') || Boolean(document.activeElement.closest('main, #main, #content'))"
    )
    return [] if inside else ["the link to the content does not lead there"]


def dialog(page: Page, path: str) -> list[str]:
    """Open the dialog of keys and return what is wrong: the focus is in it, Escape closes it, and the focus returns."""
    page.goto(path)
    link = page.locator(".brand")
    link.focus()
    page.keyboard.press("?")
    found = [] if page.evaluate(_IN_DIALOG) else ["the dialog of keys does not have the focus"]
    for _ in range(3):
        page.keyboard.press("Tab")
        found += ["the focus leaves the dialog"] if page.evaluate(_BEHIND_DIALOG) else []
    page.keyboard.press("Escape")
    found += ["Escape leaves the dialog open"] if page.locator("dialog[open]").count() else []
    return found + ([] if link.evaluate(_HAS_FOCUS) else ["the focus does not return from the dialog"])


def menu(page: Page, path: str) -> list[str]:
    """Open the menu and return what is wrong: Escape closes it and the focus returns, and it closes when the focus leaves."""
    page.goto(path)
    summary, body = page.locator(".menu summary"), page.locator(".menu-body")
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    found = (
        [] if body.evaluate("body => body.contains(document.activeElement)") else ["the menu is not next to its name"]
    )
    page.keyboard.press("Escape")
    found += (
        [] if summary.evaluate(_HAS_FOCUS) and not body.is_visible() else ["the focus does not return from the menu"]
    )
    page.keyboard.press("Enter")
    page.locator(".menu-body button[type=submit]").last.focus()
    page.keyboard.press("Tab")
    return found + (["the menu stays open over what has the focus"] if body.is_visible() else [])


def _keys(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_be_visible()


def _menu(page: Page) -> None:
    page.goto("/")
    page.locator(".menu summary").click()


def _event(page: Page) -> None:
    page.goto("/events/?start=now-1h")
    page.locator("a[data-open]").first.click()
    expect(page.locator("tr.opened")).to_contain_text("What became of it", timeout=15_000)


def _filter(page: Page) -> None:
    page.goto("/events/")
    page.get_by_role("combobox", name="Filter").focus()
    page.keyboard.type("temp")
    expect(page.locator("#filter-options li").first).to_be_visible()
    page.keyboard.press("ArrowDown")


def _editor(page: Page) -> None:
    page.goto(f"/logic/rules/{RULE}/")
    page.locator("#id_when").focus()
    page.keyboard.press("End")
    page.keyboard.type(" and temp")
    expect(page.get_by_role("option").first).to_be_visible()


# What opens over or within a page, by its name.
OPENED: dict[str, Callable[[Page], None]] = {
    "keys": _keys,
    "menu": _menu,
    "event": _event,
    "filter": _filter,
    "editor": _editor,
}
