"""A Chromium for the browser tests: `CHROMIUM`, one on PATH, or playwright's own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]

# Playwright's loop runs in the thread of the tests, where Django would refuse to touch the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # noqa: TID251

LaunchArguments = dict[str, object]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: LaunchArguments, playwright: Playwright) -> LaunchArguments:
    """:raises pytest.skip.Exception: there is no Chromium on this machine"""
    found = os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)  # noqa: TID251
    found = found or playwright.chromium.executable_path
    if not Path(found).exists():
        pytest.skip("no Chromium: set CHROMIUM, install one on PATH, or run `playwright install chromium`")
    return {**browser_type_launch_args, "executable_path": found, "args": ARGUMENTS}
