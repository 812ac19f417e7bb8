"""A page whose sign-in ended says so, and asks the server no more."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.sync_api import Page, WebSocketRoute, expect

from dashboard.tests.browser.visitors import sign_in
from deploy.testing.deployment import Deployment

pytestmark = [pytest.mark.browser, pytest.mark.services]


def test_a_page_whose_session_ended_says_so_and_does_not_connect_for_ever(page: Page, site: Deployment) -> None:
    web = site.start_web({"DATAFLOW_OPEN_READ": "0"})
    visitor = Client()
    visitor.force_login(User.objects.create_user("viewer"))
    cookie = visitor.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": web.url}])
    opened: list[WebSocketRoute] = []

    def intercept(socket: WebSocketRoute) -> None:
        opened.append(socket)
        # Later ones are real: the server refuses their handshake.
        if len(opened) > 1:
            socket.connect_to_server()

    page.route_web_socket("**/ws/live?*", intercept)
    page.clock.install()
    page.goto(web.url)
    site.wait_for(lambda: page.evaluate("1") and opened)
    Session.objects.all().delete()

    opened[0].close(code=4401)

    expect(page.locator(".connection")).to_have_text("Not allowed", timeout=10_000)
    expect(page.locator('[data-panel="numbers"]')).to_contain_text("Sign in")
    page.clock.run_for(2_000)
    site.wait_for(lambda: page.evaluate("1") and len(opened) == 2)
    # Ten minutes later nothing else was tried: neither another socket, nor polling.
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(600_000)
    expect(page.locator(".connection")).to_have_text("Not allowed")
    assert len(opened) == 2
    assert asked == []


def test_who_signs_out_in_one_tab_is_signed_out_in_the_others(page: Page, site: Deployment) -> None:
    web = site.start_web({"DATAFLOW_OPEN_READ": "0"})
    sign_in(page.context, web)
    codes: list[int | None] = []

    def watch(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def closed(code: int | None, reason: str | None) -> None:
            codes.append(code)
            socket.close(code=code, reason=reason)

        server.on_close(closed)

    page.route_web_socket("**/ws/live?*", watch)
    page.goto(web.url)
    expect(page.locator(".connection")).to_have_text("Live", timeout=15_000)

    other = page.context.new_page()
    other.goto(f"{web.url}/jobs/")
    other.locator("details.menu > summary").click()
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/sign-in/**")

    expect(page.locator(".connection")).to_have_text("Not allowed", timeout=10_000)
    expect(page.locator('[data-panel="numbers"]')).to_contain_text("Sign in")
    assert codes[0] == 4401
    other.goto(f"{web.url}/jobs/")
    assert "/sign-in/" in other.url
