"""What keeps people from using a page, as a browser sees it: what axe finds, drawings without words, and what moves or is cut off."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# WCAG 2.2 AA, and what axe advises beside.
RULES: dict[str, object] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
# Of these, what depends on colours, on the width, and on what is open.
SEEN_RULES: dict[str, object] = {
    "runOnly": {
        "type": "rule",
        "values": ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"],
    },
    "resultTypes": ["violations"],
}

# Every drawing has a role and a name or says that it says nothing, and every chart has a table.
_FIGURES = r"""() => {
  const found = [];
  const short = (element) => element.outerHTML.slice(0, 140);
  for (const drawing of document.querySelectorAll("svg, canvas, img, meter, progress, [role=img], figure")) {
    if (!drawing.checkVisibility() || drawing.closest("[aria-hidden=true]")) continue;
    const figure = drawing.closest("[role=img], meter, progress, img, figure");
    const name = figure?.getAttribute("aria-label") ?? figure?.getAttribute("alt") ?? figure?.getAttribute("aria-labelledby");
    if (!figure) found.push(`drawing without a role: ${short(drawing)}`);
    else if (!name && figure.tagName !== "IMG") found.push(`drawing without a name: ${short(drawing)}`);
  }
  for (const chart of document.querySelectorAll(".chart, .histogram")) {
    const panel = chart.closest(".panel");
    const words = [...(panel?.querySelectorAll("summary, a") ?? [])].some((each) => /as a? ?table/i.test(each.textContent));
    if (chart.checkVisibility() && !words) found.push(`chart without a table: ${short(chart)}`);
  }
  return found;
}"""

# A state is a word, not a colour alone.
_STATES = r"""() => [...document.querySelectorAll(".tag, .lamp, .connection, .notice, .status-line, .count, [data-tone]")]
  .filter((element) => element.checkVisibility() && !/\p{L}|\p{N}|–/u.test(element.textContent))
  .map((element) => `state without a word: ${element.outerHTML.slice(0, 140)}`)"""

_WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"

# A row of a table that is shown as a block.
_COVERING = r"""() => [...document.querySelectorAll("table.cards td, table.cards th")]
  .filter((cell) => cell.checkVisibility() && getComputedStyle(cell.parentElement).display === "grid" && cell.scrollWidth > cell.clientWidth + 1)
  .map((cell) => `wider than its place: ${cell.outerHTML.slice(0, 140)}`)"""

_MOVING = r"""() => {
  const found = document.getAnimations().map((each) => `moves: ${each.effect?.target?.outerHTML.slice(0, 120)}`);
  const places = ["", "::before", "::after"];
  for (const element of document.querySelectorAll("*")) {
    for (const place of places) {
      const style = getComputedStyle(element, place || null);
      const times = `${style.transitionDuration}, ${style.animationName === "none" ? "0s" : style.animationDuration}`;
      if (/[1-9]/.test(times)) found.push(`would move: ${element.tagName}.${element.className}${place} ${times}`);
    }
    if (getComputedStyle(element).scrollBehavior === "smooth") found.push(`scrolls smoothly: ${element.tagName}`);
  }
  return [...new Set(found)].slice(0, 5);
}"""

# In forced colours backgrounds are the reader's own: what is chosen, and every lamp, keeps a colour or a shape of its own.
_FORCED = r"""() => {
  const found = [];
  const look = (element, place) => {
    const { backgroundColor, borderTopStyle, borderTopWidth, borderTopColor, color } = getComputedStyle(element, place);
    return [backgroundColor, borderTopStyle, borderTopWidth, borderTopColor, color].join(" ");
  };
  for (const chosen of document.querySelectorAll("[aria-current], [aria-pressed=true], [aria-selected=true]")) {
    const group = chosen.closest("nav, ul, span[role=group], .choice") ?? chosen.parentElement;
    const other = [...group.querySelectorAll(chosen.tagName)].find((each) =>
      each !== chosen && each.checkVisibility() && !each.matches("[aria-current], [aria-pressed=true], [aria-selected=true]"));
    if (chosen.checkVisibility() && other && look(chosen) === look(other)) found.push(`chosen looks like the others: ${chosen.outerHTML.slice(0, 120)}`);
  }
  const canvas = getComputedStyle(document.body).backgroundColor;
  for (const lamp of document.querySelectorAll(".lamp, .connection")) {
    const { backgroundColor, borderTopWidth } = getComputedStyle(lamp, "::before");
    if (lamp.checkVisibility() && borderTopWidth === "0px" && backgroundColor === canvas) found.push(`lamp is not seen: ${lamp.outerHTML.slice(0, 120)}`);
  }
  for (const drawn of document.querySelectorAll("svg rect, svg path, svg polyline, svg line")) {
    const { fill, stroke } = getComputedStyle(drawn);
    if (drawn.checkVisibility() && !drawn.closest("[aria-hidden=true]") && [fill, stroke].every((each) => each === "none" || each === canvas)) {
      found.push(`drawn in the colour of the page: ${drawn.outerHTML.slice(0, 120)}`);
    }
  }
  return found;
}"""

# The shapes of the four kinds of states.
_LAMPS = r"""() => {
  const shapes = ["up", "waiting", "down", ""].map((state) => {
    const lamp = document.createElement("span");
    lamp.className = "lamp";
    lamp.dataset.state = state;
    document.querySelector("main").append(lamp);
    const { borderTopWidth, borderRadius, clipPath } = getComputedStyle(lamp, "::before");
    lamp.remove();
    return [borderTopWidth, borderRadius, clipPath].join(" ");
  });
  return new Set(shapes).size === shapes.length ? [] : [`states have the same shape: ${shapes.join("; ")}`];
}"""

# The reference has a section for each operation, all by one template; axe takes half a minute for all.
_SHORTEN = "for (const each of [...document.querySelectorAll('.api-doc section.panel')].slice(8)) each.remove();"

_OPEN_ALL = "for (const each of document.querySelectorAll('details:not(.menu)')) each.open = true;"


def violations(page: Page, how: str, rules: dict[str, object] = RULES) -> list[str]:
    """Return what axe finds in a page as it is shown now."""
    axe = Axe()
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.axe_script)
    found = page.evaluate("rules => axe.run(document, rules).then(({ violations }) => violations)", rules)
    return [f"{how}: {each['id']} {each['nodes'][0]['html'][:160]}" for each in found]


def drawings(page: Page) -> list[str]:
    """Return which drawings no one can hear of, and which states are colours alone."""
    return [*page.evaluate(_FIGURES), *page.evaluate(_STATES)]


def open_all(page: Page) -> None:
    """Open everything that is folded but the menu, which would cover the page."""
    page.evaluate(_OPEN_ALL)


def cut_off(page: Page) -> list[str]:
    """Return where one has to scroll sideways, at 320 pixels as at 400 % of 1280, and what covers its neighbour in a block."""
    found: list[str] = page.evaluate(_COVERING)
    return found + ([f"wider than {page.viewport_size}"] if page.evaluate(_WIDER) else [])


def moving(page: Page) -> list[str]:
    """Return what moves in a page for a reader who asked for less motion."""
    found: list[str] = page.evaluate(_MOVING)
    return found


def forced(page: Page) -> list[str]:
    """Return what can't be told apart in a page that is shown in forced colours."""
    found: list[str] = page.evaluate(_FORCED)
    return found


def lamps(page: Page) -> list[str]:
    """Return which states have a lamp of the same shape, so that their colours alone differ."""
    found: list[str] = page.evaluate(_LAMPS)
    return found


def shorten(page: Page) -> None:
    """Leave out what a page has a hundred times, for what takes longer with each."""
    page.evaluate(_SHORTEN)
