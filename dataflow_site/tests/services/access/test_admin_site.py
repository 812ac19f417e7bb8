"""The admin is for staff who may see everything; everyone signs in and out there."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from pytest_django.fixtures import Settings

from dataflow_site.tests.services.access.people import PASSWORD, signed_in
from deploy.testing.deployment import Deployment
from ingestion.models import GroupSources
from queries import user_scopes
from queries.reads.postgres import ReadUnavailable

pytestmark = pytest.mark.services


def person(*patterns: str, **rights: Any) -> User:
    name = f"person-{uuid4().hex[:8]}"
    made = User.objects.create_user(name, password=PASSWORD, **rights)
    made.user_permissions.set(Permission.objects.all())
    if patterns:
        group = Group.objects.create(name=name)
        GroupSources.objects.create(group=group, patterns=list(patterns))
        made.groups.add(group)
    return made


@pytest.mark.parametrize("path", ["/admin/", "/admin/processing/deadletter/", "/admin/auth/group/"])
def test_staff_for_some_sources_get_no_page_of_the_admin(module_site: Deployment, path: str) -> None:
    statuses = {
        "operator": signed_in(person(is_staff=True)).get(path).status_code,
        "all by a group": signed_in(person("*", is_staff=True)).get(path).status_code,
        "superuser": signed_in(person("plant-*", is_staff=True, is_superuser=True)).get(path).status_code,
        "bound": signed_in(person("plant-*", is_staff=True)).get(path).status_code,
        "bound, no staff": signed_in(person("plant-*")).get(path).status_code,
    }

    assert statuses == {"operator": 200, "all by a group": 200, "superuser": 200, "bound": 302, "bound, no staff": 302}


def test_a_user_who_is_not_staff_signs_in_to_the_pages_and_out_again(
    module_site: Deployment, settings: Settings
) -> None:
    settings.DATAFLOW_OPEN_READ = False
    client, user = Client(), person("plant-*")

    form = client.get("/sign-in/").content.decode()
    entered = client.post("/sign-in/", {"username": user.username, "password": PASSWORD})
    page = client.get(entered.headers["Location"])
    left = client.post("/sign-out/")

    assert 'name="next" value=""' in form
    assert (entered.headers["Location"], page.status_code) == ("/", 200)
    assert "Sign out" in page.content.decode()
    assert 'href="/admin/"' not in page.content.decode()
    assert left.headers["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_whoever_sees_nothing_is_told_why(module_site: Deployment, settings: Settings) -> None:
    settings.DATAFLOW_OPEN_READ = False

    without = person()
    without.user_permissions.clear()

    nothing, something = signed_in(without).get("/"), signed_in(person("plant-1")).get("/")

    assert "There is no source that you may see" in nothing.content.decode()
    assert "There is no source that you may see" not in something.content.decode()


def test_an_operator_binds_a_group_to_patterns_in_the_admin(module_site: Deployment) -> None:
    operator, name = signed_in(person(is_staff=True, is_superuser=True)), f"group-{uuid4().hex[:8]}"

    def save(patterns: str) -> str:
        form = {
            "name": name,
            "read_sources-TOTAL_FORMS": "1",
            "read_sources-INITIAL_FORMS": "0",
            "read_sources-0-patterns": patterns,
        }
        return operator.post("/admin/auth/group/add/", form).content.decode()

    assert "the beginning of one and a *" in save("a b")
    save("plant-*, hall-1")

    assert GroupSources.objects.get(group__name=name).patterns == ["plant-*", "hall-1"]
    assert "plant-*, hall-1" in operator.get("/admin/auth/group/").content.decode()


def test_the_admin_says_that_postgresql_is_away_while_rights_can_not_be_read(module_site: Deployment) -> None:
    client = signed_in(person(is_staff=True))

    with patch.object(user_scopes, "scope_of", side_effect=ReadUnavailable):
        answer = client.get("/admin/", headers={"Accept": "text/html"})

    assert (answer.status_code, b"PostgreSQL does not answer" in answer.content) == (503, True)
