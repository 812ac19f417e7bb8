"""The admin tries a revision on stored events, requests replays, and shows what they found."""

from __future__ import annotations

import re
import threading
from contextlib import closing
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from deploy.testing.deployment import Deployment
from processing.jobs import queue
from processing.logic.content import Content, RuleContent
from processing.logic.revisions import saving
from processing.models import Job
from processing.stores.mongodb.document_store import DocumentStore
from processing.tests.admin_pages import INLINE, operator, text
from processing.tests.factories import make_entry, make_sent
from processing.trials.job import Trial

pytestmark = pytest.mark.services

LIST = "/admin/processing/logicrevision/"
REVISION = "/admin/processing/logicrevision/1/"
HOT = RuleContent(name="hot", when="temperature > 21", actions=["tag hot", "set seen = 1"])


@pytest.fixture(name="site", scope="module", autouse=True)
def _site(module_site: Deployment) -> Deployment:
    sent = [make_sent(number, source="plant-1", payload={"temperature": 20 + number}) for number in range(3)]
    with closing(DocumentStore()) as documents:
        documents.insert(map(make_entry, sent), topic=b"t" * 16)
    saving.save(Content(rules=[HOT]), base=0, who="ann", reason="first", activate=False)
    return module_site


@pytest.fixture(autouse=True)
def _fresh(site: Deployment) -> None:
    Job.objects.all().delete()
    User.objects.all().delete()


def start(client: Client, **form: Any) -> str:
    return text(client.post(f"{REVISION}history/", {"action": "try", **form}, follow=True))


def job_page(client: Client, job: Job) -> str:
    return text(client.get(f"/jobs/{job.pk}/"))


def user(*permissions: str) -> Client:
    person = User.objects.create_user("person", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(person)
    return client


def test_a_draft_is_tried_from_its_page_and_the_jobs_page_has_the_report() -> None:
    client = operator()
    assert "Try on history" in text(client.get(f"{REVISION}change/"))

    shown = start(client, sources="plant-* other", since="2026-01-01")
    job = Job.objects.get()
    queue.run(_claimed(job), Trial().step, stopping=threading.Event())
    report = job_page(client, job)

    assert not INLINE.search(shown)
    assert (job.kind, job.arguments["revision"], job.arguments["sources"]) == ("try_logic", 1, ["plant-*", "other"])
    assert (job.arguments["since"], job.who) == ("2026-01-01T00:00:00Z", "operator")
    assert "1 of 3 events would come out otherwise than now, without logic." in report
    assert "/seen: nothing → 1" in report


def _claimed(job: Job) -> Job:
    found = queue.claim("here", {job.kind: Trial().step})
    assert found is not None
    return found


def test_whoever_may_not_see_events_sees_a_report_without_examples() -> None:
    start(operator())
    job = Job.objects.get()
    queue.run(_claimed(job), Trial().step, stopping=threading.Event())

    report = job_page(user("view_job"), job)

    assert "1 of 3 events would come out otherwise" in report
    assert "/seen" not in report


@pytest.mark.parametrize(("action", "dry_run"), [("count", True), ("replay", False)])
def test_a_replay_is_requested_from_the_page_of_a_revision(action: str, dry_run: bool) -> None:
    start(operator(), action=action, sources="plant-1", until="2026-05-01T00:00:00+02:00")

    job = Job.objects.get()
    assert (job.kind, job.arguments["revision"], job.arguments["dryRun"]) == ("replay", 1, dry_run)
    assert (job.arguments["sources"], job.arguments["until"]) == (["plant-1"], "2026-04-30T22:00:00Z")


@pytest.mark.parametrize(("action", "kind"), [("try", "try_logic"), ("count", "replay"), ("replay", "replay")])
def test_what_is_done_without_logic_is_requested_from_the_list_of_revisions(action: str, kind: str) -> None:
    client = operator()
    [address] = re.findall(r'action="(\S+/history/)"', text(client.get(LIST)))

    shown = text(client.post(address, {"action": action, "sources": "plant-1"}, follow=True))
    refused = text(client.post(address, {"action": action, "sources": "a*b"}, follow=True))

    job = Job.objects.get()
    assert (job.kind, job.arguments["revision"], job.arguments["sources"]) == (kind, 0, ["plant-1"])
    assert {"try_logic": "Try logic on history", "replay": "Replay events"}[kind] in shown
    assert "Nothing was started: sources have to be" in refused
    assert "Try or replay without logic" in refused


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"sources": "a*b"}, "sources have to be"),
        ({"since": "yesterday"}, "since: expected a date"),
        ({"since": "2026-01-02", "until": "2026-01-01", "action": "count"}, "the range is empty"),
        ({"action": "more"}, "Select a valid choice"),
    ],
)
def test_what_can_not_be_done_is_said_and_nothing_is_started(form: dict[str, str], reason: str) -> None:
    shown = start(operator(), **form)

    assert "Nothing was started" in shown
    assert reason in shown
    assert not Job.objects.exists()


def test_whoever_may_only_look_starts_nothing() -> None:
    client = user("view_logicrevision")

    assert "Try on history" not in text(client.get(f"{REVISION}change/"))
    assert "Try or replay" not in text(client.get(LIST))
    assert client.post(f"{REVISION}history/", {"action": "try"}).status_code == 403
    assert operator().get(f"{REVISION}history/").status_code == 405
    assert not Job.objects.exists()
