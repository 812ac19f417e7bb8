"""A Chromium for the browser tests: `CHROMIUM`, one on PATH, or playwright's own."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Page, Playwright

from dashboard.tests.browser.visitors import sign_in
from deploy.screenshots.browser import ARGUMENTS, NoBrowser, find_chromium
from deploy.testing.deployment import Deployment

# Playwright's loop runs in the thread of the tests, where Django would refuse to touch the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # noqa: TID251

LaunchArguments = dict[str, object]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: LaunchArguments, playwright: Playwright) -> LaunchArguments:
    """:raises pytest.skip.Exception: there is no Chromium on this machine"""
    try:
        found = find_chromium(playwright)
    except NoBrowser as error:
        pytest.skip(str(error))
    return {**browser_type_launch_args, "executable_path": found, "args": ARGUMENTS}


@pytest.fixture
def console(page: Page) -> list[str]:
    """What the browser complains about while the page is open: errors, warnings, refusals of the policy."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.fixture
def site_url(site: Deployment, page: Page) -> str:
    """Return the address of a site for an operator who is signed in."""
    web = site.start_web()
    sign_in(page.context, web)
    return web.url
