"""The admin of declared indexes: what it says, what it refuses, who may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from deploy.testing.deployment import Deployment
from processing.field_indexes import declaring
from processing.models import FieldIndex, Job
from processing.tests import declared_indexes
from processing.tests.admin_pages import operator, text

pytestmark = pytest.mark.services

LIST = "/admin/processing/fieldindex/"


def test_the_admin_declares_an_index_and_leads_to_its_job(site: Deployment) -> None:
    client = operator()

    answer = client.post(f"{LIST}add/", {"pattern": "plant-*", "field": "level"})

    job = Job.objects.get()
    assert answer.headers["Location"] == f"/admin/processing/job/{job.pk}/change/"
    assert (job.who, job.state) == ("operator", Job.State.QUEUED)
    assert "level of plant-*" in text(client.get(LIST))
    assert "building, 0 of 1 partitions have it" in text(client.get(LIST))
    declared_indexes.run(job)
    row = FieldIndex.objects.get()
    assert "ready, 1 of 1 partitions have it" in text(client.get(f"{LIST}{row.pk}/change/"))


def test_the_list_reads_the_catalogue_once_however_many_indexes_are_declared(site: Deployment) -> None:
    for field in ("level", "flow", "speed"):
        declared_indexes.add("*", field)
    client = operator()

    with CaptureQueriesContext(connection) as asked:
        shown = text(client.get(LIST))

    assert shown.count("ready, 1 of 1 partitions have it") == 3
    assert sum("pg_index" in one["sql"] for one in asked.captured_queries) == 1


def test_the_admin_says_what_is_wrong_with_a_declaration(site: Deployment) -> None:
    declared_indexes.add("*", "level")
    client = operator()

    shown = [
        text(client.post(f"{LIST}add/", {"pattern": pattern, "field": field}))
        for pattern, field in (("a*b", "level"), ("*", "a..b"), ("*", "level"))
    ]

    assert "The pattern of sources has to be" in shown[0]
    assert "The field has to be" in shown[1]
    assert shown[2].count("This index is declared already.") == 1
    assert FieldIndex.objects.count() == 1


def test_the_admin_makes_a_failed_index_again(site: Deployment) -> None:
    job = declaring.add("*", "level", who="ann")
    Job.objects.filter(pk=job.pk).update(state=Job.State.FAILED, message="the disk is full")
    client = operator()
    assert "the disk is full" in text(client.get(LIST))

    answer = client.post(
        LIST, {"action": "make_again", "_selected_action": [FieldIndex.objects.get().pk], "confirmed": 1}, follow=True
    )

    another = Job.objects.get(state=Job.State.QUEUED)
    assert f"Job {another.pk} works on the index on level of *." in text(answer)
    assert FieldIndex.objects.get().job == another


def test_the_admin_drops_indexes(site: Deployment) -> None:
    declared_indexes.add("*", "level")
    row = FieldIndex.objects.get()

    answer = operator().post(LIST, {"action": "drop", "_selected_action": [row.pk], "confirmed": 1}, follow=True)

    row.refresh_from_db()
    assert f"Job {row.job_id} works on the index on level of *." in text(answer)
    assert row.state == FieldIndex.State.DROPPING


def test_who_may_only_look_neither_declares_nor_drops(site: Deployment) -> None:
    declared_indexes.add("*", "level")
    row = FieldIndex.objects.get()
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_fieldindex"))
    client = Client()
    client.force_login(viewer)

    assert "level of *" in text(client.get(LIST))
    assert client.post(f"{LIST}add/", {"pattern": "*", "field": "x"}).status_code == 403
    client.post(LIST, {"action": "drop", "_selected_action": [row.pk], "confirmed": 1})
    assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403

    assert FieldIndex.objects.get().state == FieldIndex.State.READY
