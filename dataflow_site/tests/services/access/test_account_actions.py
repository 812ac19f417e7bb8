"""The actions of the admin ask first, are refused to whom they are not offered, and stand in its log."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dataflow_site.tests.services.access.people import person, signed_in
from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.models import Key
from processing.tests.admin_pages import text

pytestmark = pytest.mark.services


def press(client: Client, page: str, button: str) -> tuple[str, str]:
    """Press the button of an action on the page of an object; return the question, and the page after its answer."""
    form = next(each for each in re.findall(r"<form.*?</form>", page, re.DOTALL) if f">{button}…<" in each)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    address = re.findall(r'action="([^"]*)"', form)[0]
    asked = text(client.post(address, fields))
    answer = client.post(address, {**fields, "confirmed": "1"}, follow=True)
    return asked, text(answer)


def test_a_key_is_revoked_on_its_page_after_a_question(module_site: Deployment) -> None:
    who = person("administrator")
    client, (key, _) = signed_in(who), api_keys.create("meter", ["ingest"])
    address = f"/admin/ingestion/key/{key.pk}/change/"

    question = client.post("/admin/ingestion/key/", {"action": "revoke", "_selected_action": key.pk})
    key.refresh_from_db()
    untouched = key.revoked_at is None
    asked, after = press(client, text(client.get(address)), "Revoke")
    key.refresh_from_db()

    assert untouched
    assert "This can&#x27;t be undone." in text(question)
    assert str(key) in asked
    assert key.revoked_at
    assert "Revoke…" not in after  # neither is offered for what is revoked
    log = text(client.get("/admin/admin/logentry/"))
    assert who.username in log
    assert "Revoked." in log
    assert address in log


def test_actions_are_neither_offered_nor_done_without_the_permission(module_site: Deployment) -> None:
    key, _ = api_keys.create("meter", ["ingest"])
    viewer, other = person("operator"), person()
    operator = signed_in(viewer)
    viewer.user_permissions.set(viewer.user_permissions.model.objects.filter(codename__in=["view_key", "view_user"]))

    page = text(operator.get(f"/admin/ingestion/key/{key.pk}/change/"))
    chosen = {"_selected_action": key.pk, "confirmed": "1"}
    revoked = operator.post("/admin/ingestion/key/", {"action": "revoke", **chosen})
    deactivated = operator.post(
        "/admin/auth/user/", {"action": "deactivate", "_selected_action": other.pk, "confirmed": "1"}
    )
    key.refresh_from_db()
    other.refresh_from_db()

    assert "Revoke…" not in page
    assert (revoked.status_code, deactivated.status_code) == (403, 403)
    assert (key.revoked_at, other.is_active) == (None, True)
    assert operator.get("/admin/admin/logentry/").status_code == 403


def test_an_account_is_signed_out_deactivated_and_activated(module_site: Deployment) -> None:
    admin, user = signed_in(person("administrator")), person("viewer")
    browsers, neighbour = [signed_in(user), signed_in(user)], signed_in(person("viewer"))
    address = f"/admin/auth/user/{user.pk}/change/"

    _, after = press(admin, text(admin.get(address)), "Sign out everywhere")
    ended = [browser.get("/account/password/").status_code for browser in browsers]
    _, off = press(admin, text(admin.get(address)), "Deactivate")
    user.refresh_from_db()
    inactive = not user.is_active
    press(admin, off, "Activate")
    user.refresh_from_db()

    assert "sessions ended: 2" in after
    assert ended == [302, 302]
    assert neighbour.get("/account/password/").status_code == 200
    assert inactive
    assert user.is_active
    said = [entry.get_change_message() for entry in LogEntry.objects.filter(object_id=user.pk).order_by("id")]
    assert said == ["Signed out everywhere.", "Deactivated.", "Activated."]


def test_the_history_of_an_object_is_found_by_an_index_among_many_entries(module_site: Deployment) -> None:
    key, _ = api_keys.create("meter", ["ingest"])
    who = person("administrator")
    client, kind = signed_in(who), ContentType.objects.get_for_model(Key)
    entries = """INSERT INTO django_admin_log
        (action_time, user_id, content_type_id, object_id, object_repr, action_flag, change_message)
        SELECT now(), %s, %s, number, 'another', 2, 'Changed.' FROM generate_series(1000000, 1020000) AS number"""
    with connection.cursor() as cursor:
        cursor.execute(entries, [who.pk, kind.pk])
        cursor.execute("ANALYZE django_admin_log")

    press(client, text(client.get(f"/admin/ingestion/key/{key.pk}/change/")), "Revoke")
    with CaptureQueriesContext(connection) as captured:
        page = text(client.get(f"/admin/ingestion/key/{key.pk}/history/"))

    assert "Revoked." in page
    reads = [each["sql"] for each in captured.captured_queries if 'FROM "django_admin_log"' in each["sql"]]
    assert reads
    with connection.cursor() as cursor:
        for each in reads:
            cursor.execute(f"EXPLAIN {each}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "admin_log_of_object" in plan, each


def test_nobody_deactivates_the_own_account_or_as_no_superuser_that_of_one(module_site: Deployment) -> None:
    who = person("administrator")
    boss = User.objects.create_superuser(f"boss-{uuid4().hex[:8]}")
    client = signed_in(who)

    for user in (who, boss):
        form = {"action": "deactivate", "_selected_action": user.pk, "confirmed": "1"}
        page = text(client.post("/admin/auth/user/", form, follow=True))
        user.refresh_from_db()
        assert user.is_active
        assert "Nobody deactivates" in page or "takes a superuser" in page


def test_permissions_are_ticked_in_a_form_without_a_script(module_site: Deployment) -> None:
    client, user = signed_in(User.objects.create_superuser(f"boss-{uuid4().hex[:8]}")), person()
    address = f"/admin/auth/user/{user.pk}/change/"
    page = text(client.get(address))
    wanted = re.findall(r'name="user_permissions" value="(\d+)"[^>]*> Can open the administration', page)

    saved = client.post(address, {"username": user.username, "is_active": "on", "user_permissions": wanted})

    assert len(wanted) == 1
    assert saved.status_code == 302
    assert user.user_permissions.get().codename == "open_admin"
