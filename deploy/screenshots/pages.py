"""Pictures of every page, light and dark, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, FloatRect, Page, StorageState, ViewportSize

from deploy.screenshots.browser import PATIENCE, Scheme
from deploy.screenshots.traffic import CONFLICT, SOURCES

# By the name of the picture.
PAGES = {
    "overview": "/",
    "events": "/events/",
    "explorer": "/events/?start=now-15m",
    "event": f"/events/{SOURCES[0]}/{CONFLICT}/",
    "search": "/search/?q=boiler",
    "sources": "/sources/",
    "source": f"/sources/{SOURCES[0]}/",
    "dead-letters": "/dead-letters/",
    "source-ill": "/sources/demo.gateway-broken/",
    "letters": "/dead-letters/?show=letters",
    "dead-letter": "/dead-letters/1/",
    "pipeline": "/pipeline/",
    "ledger": "/pipeline/ledger/",
    "incidents": "/pipeline/incidents/",
    "refusals": "/pipeline/refusals/",
    "logic": "/logic/",
    "rule": "/logic/rules/hot/",
    "schemas": "/logic/schemas/",
    "tables": "/logic/tables/",
    "revisions": "/logic/revisions/",
    "jobs": "/jobs/",
    "job": "/jobs/1/",
    "start": "/start/",
    "account": "/account/",
    "sign-in": "/sign-in/",
    "nothing": "/nothing/",
    "api": "/api/data/?limit=3",
    "docs": "/api/docs/",
    "admin": "/admin/",
    "keys": "/admin/ingestion/key/",
    "accounts": "/admin/auth/user/",
}
SIZES: dict[str, ViewportSize] = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
TALLEST = 6_000  # pixels; the documentation has a hundred thousand
SETTLED = 2_500  # milliseconds after a page is loaded, in which its live feed begins


class Variant(NamedTuple):
    """How a page is looked at."""

    size: str
    scheme: Scheme


VARIANTS = [Variant(size, scheme) for size in SIZES for scheme in SCHEMES]


def take(browser: Browser, site: str, folder: Path, signed_in: StorageState) -> Iterator[Path]:
    """Take a picture of every page in every variant, each as long as the page is, up to a limit."""
    folder.mkdir(parents=True, exist_ok=True)
    for variant in VARIANTS:
        page = open_variant(browser, variant, signed_in)
        for name, path in PAGES.items():
            page.goto(f"{site}{path}")
            page.wait_for_timeout(SETTLED)
            file = folder / f"{name}-{variant.size}-{variant.scheme}.png"
            width, height = SIZES[variant.size]["width"], page.evaluate("document.documentElement.scrollHeight")
            clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST)}
            page.screenshot(path=file, full_page=True, clip=clip)
            yield file
        page.context.close()


def open_variant(browser: Browser, variant: Variant, signed_in: StorageState) -> Page:
    """Open a window of this size and colour scheme."""
    page = browser.new_page(viewport=SIZES[variant.size], color_scheme=variant.scheme, storage_state=signed_in)
    page.set_default_timeout(PATIENCE)
    return page
