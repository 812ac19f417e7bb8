from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from processing.tests.faults import fault_injection

pytestmark = pytest.mark.services

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("debug", [pytest.param(True, marks=pytest.mark.thorough), False])
def test_without_postgresql_people_get_a_page_and_programs_get_json(
    site: Deployment, client: Client, settings: Settings, debug: bool
) -> None:
    settings.DATAFLOW_OPEN_READ, settings.DEBUG = False, debug
    client.force_login(User.objects.create_superuser("operator"))
    site.servers.postgres.stop()

    pages = {path: client.get(path, headers=BROWSER) for path in ("/", "/sources/", "/admin/", "/events/")}
    answers = {path: client.get(path) for path in ("/", "/data", "/admin/")}
    for_program = client.get("/data", headers=BROWSER)

    for path, page in pages.items():
        assert (page.status_code, page.headers["Retry-After"]) == (503, "2"), path
        assert page.headers["Content-Type"].startswith("text/html"), path
        assert "PostgreSQL does not answer" in page.content.decode(), path
    for path, answer in {**answers, "as html": for_program}.items():
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable"), path


def test_where_nobody_signs_in_to_read_the_pages_open_without_postgresql_also_for_who_has(
    site: Deployment, client: Client, settings: Settings
) -> None:
    settings.DATAFLOW_OPEN_READ = True
    client.force_login(User.objects.create_superuser("operator"))
    assert "operator" in client.get("/pipeline/", headers=BROWSER).content.decode()
    site.servers.postgres.stop()

    pages = {path: client.get(path, headers=BROWSER) for path in ("/sources/", "/pipeline/")}
    changed = client.post("/account/password/", {"old_password": "a"}, headers=BROWSER)
    nowhere = [client.get("/account/nothing/", headers=BROWSER), client.post("/account/", headers=BROWSER)]

    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    for page in pages.values():
        assert "Unknown" in page.content.decode()
    assert changed.status_code == 503
    # The page of a problem, too, would name who is signed in.
    assert [answer.status_code for answer in nowhere] == [503, 503]


def test_while_postgresql_is_read_only_changes_are_a_503(site: Deployment, client: Client) -> None:
    client.force_login(User.objects.create_superuser("operator"))
    operator = f"Bearer {api_keys.create('operator', ['admin'])[1]}"
    page, api = "/dead-letters/discard/start/", "/api/dead-letters/discard/"

    with fault_injection.read_only(site):
        site.wait_for(fault_injection.is_read_only, 10)
        for_person = client.post(page, {"note": "a test"}, headers=BROWSER)
        for_program = Client().post(
            api, {"filter": {}, "note": "a test"}, "application/json", headers={"Authorization": operator}
        )

    assert (for_person.status_code, for_person.headers["Content-Type"][:9]) == (503, "text/html")
    assert (for_program.status_code, for_program.json()["code"]) == (503, "store_unavailable")
