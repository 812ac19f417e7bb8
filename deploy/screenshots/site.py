"""What the pictures show beside the traffic: an operator who is signed in, logic, and the demo's sources that are ill."""

from __future__ import annotations

import secrets
from pathlib import Path

from playwright.sync_api import Browser, StorageState

from deploy.bench.stack import Stack
from deploy.screenshots.browser import PATIENCE

USER = "operator"
LOGIC = Path(__file__).parent / "logic.yaml"


def environment() -> dict[str, str]:
    """Return the settings of a deployment that pictures are taken of: a password for its operator."""
    return {"DJANGO_SUPERUSER_PASSWORD": secrets.token_urlsafe(16)}


def prepare(stack: Stack) -> None:
    """Create the operator and the logic."""
    stack.manage("createsuperuser", "--noinput", "--username", USER, "--email", "operator@example.org")
    stack.manage("apply_config", str(LOGIC))


def begin(browser: Browser, site: str, password: str) -> StorageState:
    """Sign the operator in, start the demo, and return the cookies for the windows to come."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{site}/sign-in/?next=/start/")
    page.get_by_label("User name").fill(USER)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Start the demo").click()
    page.get_by_text("The demo sends as").wait_for()
    state = page.context.storage_state()
    page.context.close()
    return state
