"""A Chromium for the pictures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, Playwright, StorageState, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
WIDTH, HEIGHT = 1200, 760  # CSS pixels
SCALE = 1.25  # device pixels for each of them: sharp on most screens, and small enough for the README
PATIENCE = 120_000  # milliseconds for each step; a browser beside all servers on two cores is slow

Scheme = Literal["light", "dark"]


class NoBrowser(Exception):
    """There is no Chromium on this machine; the text says how to get one."""


def find_chromium(playwright: Playwright) -> str:
    """Return the path of `CHROMIUM`, of one on PATH, or of playwright's own.

    :raises NoBrowser: there is none
    """
    on_path = next((path for name in NAMES if (path := shutil.which(name))), None)
    found = os.environ.get("CHROMIUM") or on_path or playwright.chromium.executable_path
    if not Path(found).exists():
        raise NoBrowser("no Chromium: set CHROMIUM, install one on PATH, or run `playwright install chromium`")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser that find_chromium() finds.

    :raises NoBrowser: there is none
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(playwright), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Browser, scheme: Scheme, signed_in: StorageState) -> Page:
    """Open a window for the README's pictures."""
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=SCALE,
        color_scheme=scheme,
        storage_state=signed_in,
    )
    page.set_default_timeout(PATIENCE)
    return page
