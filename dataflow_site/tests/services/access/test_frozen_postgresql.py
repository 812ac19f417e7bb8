"""While PostgreSQL is frozen, whoever signs in, out or opens the administration is told so, and soon."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from django.db import OperationalError, connection

from dataflow_site.tests.services.access.people import PASSWORD, person
from deploy.testing.deployment import Deployment
from ingestion.runtime import limited_connection

pytestmark = pytest.mark.services

WITHIN = 10.0  # seconds: what a statement may take, and the page that says so
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
NEW_PASSWORD = "another correct horse"
PAGES = (
    *("/admin/", "/admin/ingestion/key/", "/admin/auth/user/", "/admin/admin/logentry/"),
    *("/account/", "/account/password/"),
)
FORMS = {
    "/admin/ingestion/key/": {"action": "revoke", "_selected_action": "1", "confirmed": "1"},
    "/admin/auth/user/add/": {"username": "someone", "usable_password": "false"},
    "/account/password/": {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
    "/sign-out/": {},
    "/sign-in/": {"username": "someone", "password": PASSWORD},
}


def send(web: httpx.Client, path: str, fields: dict[str, str], token: str) -> httpx.Response:
    """Send a form as a browser does."""
    return web.post(path, data={**fields, "csrfmiddlewaretoken": token}, headers={"Referer": f"{web.base_url}/"})


@pytest.fixture
def web(site: Deployment) -> Iterator[httpx.Client]:
    accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    with httpx.Client(base_url=site.start_web().url, headers=accept, timeout=60) as client:
        client.get("/sign-in/")
        yield client


@pytest.mark.parametrize(
    ("pages", "forms"),
    [
        pytest.param(PAGES[:1], {"/sign-in/": FORMS["/sign-in/"]}, id="one of each"),
        pytest.param(PAGES, FORMS, id="all", marks=pytest.mark.thorough),
    ],
)
def test_every_page_and_form_of_an_account_and_of_the_administration_answers_soon(
    site: Deployment, web: httpx.Client, pages: tuple[str, ...], forms: dict[str, dict[str, str]]
) -> None:
    who = person("administrator", "operator")
    signed_in = send(web, "/sign-in/", {"username": who.username, "password": PASSWORD}, web.cookies["csrftoken"])
    assert signed_in.status_code == 302
    token = TOKEN.findall(web.get("/account/password/").text)[0]
    answers: dict[str, tuple[int, float]] = {}

    site.servers.postgres.freeze()
    try:
        for path in pages:
            begun = time.monotonic()
            answers[f"GET {path}"] = (web.get(path).status_code, time.monotonic() - begun)
        for path, fields in forms.items():
            begun = time.monotonic()
            told = send(web, path, fields, token)
            answers[f"POST {path}"] = (told.status_code, time.monotonic() - begun)
            assert "PostgreSQL does not answer" in told.text, path
    finally:
        site.servers.postgres.thaw()

    assert {at: answer for at, answer in answers.items() if answer[0] != 503 or answer[1] > WITHIN} == {}
    site.wait_for(lambda: web.get("/admin/").status_code == 200, seconds=10)


def test_what_took_too_long_ends_its_connection_and_the_next_statement_has_another(module_site: Deployment) -> None:
    with limited_connection.limited(0.3), connection.cursor() as cursor, pytest.raises(OperationalError):
        cursor.execute("SELECT pg_sleep(2)")
    connection.close()

    with limited_connection.limited(2), connection.cursor() as cursor:
        cursor.execute("SELECT 7")
        assert cursor.fetchall() == [(7,)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.5)")  # nobody waits for it
