"""The roles that a migration makes: what each may see and do, and what pages offer."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.frame import preferences, roles
from dashboard.frame.preferences import Preferences
from dataflow_site.tests.services.access.people import PASSWORD, person, signed_in
from deploy.testing.deployment import Deployment
from ingestion.models import GroupSources
from queries import user_scopes

pytestmark = pytest.mark.services

PERMISSIONS = (
    "processing.view_deadletter",
    "processing.change_deadletter",
    "processing.read_documents",
    "processing.change_job",
    "processing.change_logicrevision",
    "ingestion.change_source",
    "dataflow_site.open_admin",
    "ingestion.add_key",
    "ingestion.view_key",
    "auth.change_user",
)


def test_each_role_may_do_what_the_one_before_may_and_more(module_site: Deployment) -> None:
    held = {role: {each for each in PERMISSIONS if person(role).has_perm(each)} for role in roles.ROLES}

    assert held["viewer"] == {"processing.view_deadletter"}
    assert held["operator"] == {*PERMISSIONS[:7]}
    assert held["administrator"] == {*PERMISSIONS}
    assert roles.granting("processing.change_deadletter") == ["administrator", "operator"]


def test_a_role_sees_every_source_unless_another_group_names_some(module_site: Deployment) -> None:
    plant = Group.objects.create(name=f"plant-{uuid4().hex[:8]}")
    GroupSources.objects.create(group=plant, patterns=["plant-1"])
    viewer, bound, nobody = person("viewer"), person("viewer", plant.name), person()

    each = [user_scopes.scope_of(user).sources for user in (viewer, bound, nobody)]
    together = user_scopes.scopes_of([viewer.pk, bound.pk, nobody.pk])

    assert each == [None, frozenset({"plant-1"}), frozenset()]
    assert [together[user.pk].sources for user in (viewer, bound, nobody)] == each


def test_the_administration_opens_for_operators_and_administrators(module_site: Deployment, settings: Settings) -> None:
    settings.DATAFLOW_OPEN_READ = False

    opened = {role: signed_in(person(role)).get("/admin/").status_code for role in roles.ROLES}
    keys = {role: signed_in(person(role)).get("/admin/ingestion/key/").status_code for role in roles.ROLES}
    offered = {role: 'href="/admin/"' in signed_in(person(role)).get("/").content.decode() for role in roles.ROLES}

    assert opened == {"viewer": 302, "operator": 200, "administrator": 200}
    assert keys == {"viewer": 302, "operator": 403, "administrator": 200}
    assert offered == {"viewer": False, "operator": True, "administrator": True}


def test_theme_and_time_zone_are_kept_with_the_account(module_site: Deployment, settings: Settings) -> None:
    settings.DATAFLOW_OPEN_READ = False
    user = person("viewer")
    first, second = Client(), Client()

    first.post("/sign-in/", {"username": user.username, "password": PASSWORD})
    saved = first.post(
        "/account/preferences/",
        {"theme": "dark", "zone": "Europe/Berlin"},
        HTTP_REFERER="http://testserver/sources/?q=a",
    )
    second.post("/sign-in/", {"username": user.username, "password": PASSWORD})
    page = second.get("/account/").content.decode()
    abroad = first.post("/account/preferences/", {"zone": "Mars"}, HTTP_REFERER="https://elsewhere.example/")

    assert saved.headers["Location"] == "/sources/?q=a"
    assert 'data-theme="dark" data-zone="Europe/Berlin"' in page
    assert preferences.of_user(user) == Preferences("dark", "UTC")
    assert abroad.headers["Location"] == "/account/"


def test_a_changed_password_ends_other_sessions(module_site: Deployment) -> None:
    user = person("viewer")
    here, there = signed_in(user), signed_in(user)

    refused = here.post("/account/password/", {"old_password": "x", "new_password1": "a", "new_password2": "a"})
    form = {"old_password": PASSWORD, "new_password1": "battery staple 42", "new_password2": "battery staple 42"}
    changed = here.post("/account/password/", form)

    assert refused.status_code == 200
    assert changed.headers["Location"] == "/account/"
    assert here.get("/account/password/").status_code == 200
    assert there.get("/account/password/").status_code == 302


def test_errors_are_pages_for_people_and_problems_for_programs(module_site: Deployment) -> None:
    client = Client()

    page = client.get("/nothing", HTTP_ACCEPT="text/html")
    problem = client.get("/nothing.json", HTTP_ACCEPT="text/html")
    form = Client(enforce_csrf_checks=True).post("/account/preferences/", {"theme": "dark"}, HTTP_ACCEPT="text/html")

    assert (page.status_code, problem.status_code, form.status_code) == (404, 404, 403)
    assert "There is nothing at this address." in page.content.decode()
    assert problem.json()["code"] == "not_found"
    assert "load its page again" in form.content.decode()


def test_long_texts_are_compressed_for_who_takes_gzip(module_site: Deployment) -> None:
    client = Client()

    plain, small = client.get("/account/"), client.get("/account/", HTTP_ACCEPT_ENCODING="gzip")
    script = client.get("/static/dashboard/js/frame.js", HTTP_ACCEPT_ENCODING="gzip")

    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == script.headers["Content-Encoding"] == "gzip"
    assert len(small.content) < len(plain.content) / 2
    assert "Accept-Encoding" in plain.headers["Vary"]
