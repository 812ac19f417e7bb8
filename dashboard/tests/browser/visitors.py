"""Browsers in which somebody is signed in, and what they do by keyboard."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import BrowserContext, Locator, Page

from deploy.testing.deployment import ProductProcess

MOST_TABS = 80


def sign_in(context: BrowserContext, web: ProductProcess, client: Client | None = None) -> None:
    """Sign a browser in: as who is signed in to the client, or as a new superuser."""
    if client is None:
        client = Client()
        client.force_login(User.objects.create_superuser("ann", password=None))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": web.url}])


def press(page: Page, wanted: Locator, key: str = "Enter") -> None:
    """Tab to an element and press it."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            page.keyboard.press(key)
            return
    raise AssertionError(f"{wanted} can't be reached by keyboard")
