"""Pictures of every page, light and dark, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, ViewportSize

from deploy.screenshots.browser import PATIENCE, Scheme
from deploy.screenshots.traffic import SOURCES

# By the name of the picture.
PAGES = {
    "overview": "/",
    "events": "/events/",
    "sources": "/sources/",
    "source": f"/sources/{SOURCES[0]}/",
    "dead-letters": "/dead-letters/",
    "dead-letter": "/dead-letters/1/",
    "pipeline": "/pipeline/",
    "logic": "/logic/",
    "rule": "/logic/rules/new/",
    "jobs": "/jobs/",
    "start": "/start/",
    "account": "/account/",
    "sign-in": "/sign-in/",
    "nothing": "/nothing/",
    "api": "/api/data/",
    "docs": "/api/docs/",
}
SIZES: dict[str, ViewportSize] = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SETTLED = 2_500  # milliseconds after a page is loaded, in which its live feed begins


class Variant(NamedTuple):
    """How a page is looked at."""

    size: str
    scheme: Scheme


VARIANTS = [Variant(size, scheme) for size in SIZES for scheme in SCHEMES]


def take(browser: Browser, site: str, folder: Path) -> Iterator[Path]:
    """Take a picture of every page in every variant, each as long as the page is."""
    folder.mkdir(parents=True, exist_ok=True)
    for variant in VARIANTS:
        page = open_variant(browser, variant)
        for name, path in PAGES.items():
            page.goto(f"{site}{path}")
            page.wait_for_timeout(SETTLED)
            file = folder / f"{name}-{variant.size}-{variant.scheme}.png"
            page.screenshot(path=file, full_page=True)
            yield file
        page.close()


def open_variant(browser: Browser, variant: Variant) -> Page:
    """Open a window of this size and colour scheme."""
    page = browser.new_page(viewport=SIZES[variant.size], color_scheme=variant.scheme)
    page.set_default_timeout(PATIENCE)
    return page
