"""The browser of the tests of pages, for what holds for every page of the site."""

from __future__ import annotations

from dashboard.tests.browser.conftest import browser_type_launch_args

__all__ = ["browser_type_launch_args"]
