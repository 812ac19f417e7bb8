"""`manage.py field_index`: what it says, and what it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from django.test import Client

from deploy.testing.deployment import Deployment
from processing.events.fields import MAX_PATH
from processing.field_indexes import declaring
from processing.models import FieldIndex, Job
from processing.tests import declared_indexes
from processing.tests.commands import run_command, run_json
from processing.tests.declared_indexes import made

pytestmark = pytest.mark.services


def field_index(*words: str, code: int = 0) -> str:
    output = run_command("field_index", *words, code=code)
    return (output.stdout + output.stderr).strip()


def test_an_index_is_added_listed_and_dropped(site: Deployment) -> None:
    assert field_index("list") == "No index is declared."

    assert field_index("add", "plant-*", "device.name") == "done: 1 partitions have the index"
    assert field_index("list") == "plant-*  device.name  ready, 1 of 1 partitions have it"
    assert made() == {"events_before_2010": True}

    assert field_index("drop", "plant-*", "device.name") == "done: dropped"
    assert field_index("list") == "No index is declared."
    assert made() == {}


def test_programs_read_json(site: Deployment) -> None:
    added = run_json("field_index", "add", "*", "level")
    listed = run_json("field_index", "list")

    assert {**added, "job": None} == {
        "dryRun": False, "pattern": "*", "field": "level", "job": None, "state": "done",
        "message": "1 partitions have the index",
    }  # fmt: skip
    [one] = json.loads(json.dumps(listed["indexes"]))
    assert one.pop("createdAt").endswith("Z")
    assert one == {
        "pattern": "*", "field": "level", "state": "ready", "finished": 1, "partitions": 1, "detail": "",
        "job": added["job"], "createdBy": "command line",
    }  # fmt: skip


def test_a_dry_run_changes_nothing(site: Deployment) -> None:
    assert field_index("add", "*", "level", "--dry-run") == "The index on level of * would be added."
    assert not FieldIndex.objects.exists()
    declared_indexes.add("*", "level")

    assert field_index("drop", "*", "level", "--dry-run") == "The index on level of * would be dropped."
    assert "declared already" in field_index("add", "*", "level", "--dry-run", code=1)
    assert FieldIndex.objects.get().state == FieldIndex.State.READY


@pytest.mark.parametrize(
    ("pattern", "field", "said"),
    [
        ("-x", "level", "The pattern of sources has to be a source id"),
        ("a*b", "level", "The pattern of sources has to be a source id"),
        ("a'b*", "level", "The pattern of sources has to be a source id"),
        ("", "level", "The pattern of sources has to be a source id"),
        ("*", "", "The field has to be keys joined by dots"),
        ("*", "a..b", "The field has to be keys joined by dots"),
        ("*", r"a\b", "The field has to be keys joined by dots"),
        ("*", "a\0b", "The field has to be keys joined by dots"),
        ("*", "a\udc80b", "The field has to be keys joined by dots"),
        ("*", "x" * (MAX_PATH + 1), "256 bytes at most"),
    ],
)
def test_what_is_malformed_is_refused_with_the_right_form(
    site: Deployment, pattern: str, field: str, said: str
) -> None:
    assert said in field_index("add", "--", pattern, field, code=2)
    assert not Job.objects.exists()


def test_what_exists_and_what_does_not_is_refused(site: Deployment) -> None:
    declared_indexes.add("*", "level")
    waiting = declaring.add("*", "slow", who="ann")

    assert field_index("add", "*", "level", code=1).endswith("The index on level of * is declared already, and ready.")
    assert field_index("add", "*", "slow", code=1).endswith(
        f"The index on slow of * is being built by job {waiting.pk}."
    )
    assert field_index("drop", "*", "other", code=1).endswith("No index on other of * is declared.")


def test_no_more_than_a_few_indexes_are_declared(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declaring, "MOST", 2)
    for field in ("a", "b"):
        declared_indexes.add("*", field)

    assert "2 indexes are declared, which is the most" in field_index("add", "*", "c", code=1)
    assert FieldIndex.objects.count() == 2


def test_a_failed_index_is_listed_with_its_reason_and_exit_code_1(site: Deployment) -> None:
    job = declaring.add("*", "level", who="ann")
    Job.objects.filter(pk=job.pk).update(state=Job.State.FAILED, message="the disk is full")

    said = field_index("list", code=1)

    assert said == "*  level  failed, 0 of 1 partitions have it (building: the disk is full)"


def test_a_query_of_all_sources_and_all_time_is_allowed_once_an_index_is_ready(site: Deployment) -> None:
    declared_indexes.fill(datetime(2026, 3, 1, tzinfo=UTC), count=1_000)
    address = "/data?field.level[gt]=997&fields=level"
    assert Client().get(address).status_code == 400

    declared_indexes.add("*", "level")

    answer = Client().get(address)
    assert answer.status_code == 200
    assert sorted(event["payload"]["level"] for event in answer.json()["results"]) == [998, 999]
