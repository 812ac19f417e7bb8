"""The pages of jobs: what each is about, how far it is, what it found, and what an operator does with it."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from dashboard.tests.people import forget, person
from deploy.testing.deployment import Deployment
from processing import job_registry
from processing.comparisons import request as comparisons
from processing.dead_letters import redrive
from processing.dead_letters.closing import discard
from processing.dead_letters.filters import LetterFilter
from processing.jobs import job_log, queue
from processing.models import DeadLetter, DeadLetterAction, Job
from processing.tests.admin_pages import INLINE, operator, text
from processing.tests.stored_rows import make_letter

pytestmark = pytest.mark.services


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    return module_site


@pytest.fixture(autouse=True)
def _fresh(site: Deployment) -> None:
    Job.objects.all().delete()
    DeadLetter.objects.all().delete()
    forget()


def test_a_running_job_shows_its_progress_rate_time_left_and_log() -> None:
    job = redrive.request(LetterFilter(reason="not_json"), who="ann", rate=100, note="a test", worker="host-1")
    begun = timezone.now() - timedelta(seconds=20)
    Job.objects.update(started_at=begun, done=40, total=60, log=[{"at": begun.isoformat(), "text": "began", "done": 0}])
    client = operator()

    shown, listed = client.get(f"/jobs/{job.pk}/"), text(client.get("/jobs/?state=running"))
    twin = client.get(f"/jobs/{job.pk}.json").json()["job"]

    page = text(shown)
    assert '<progress max="60" value="40"' in page
    # Some seconds more on a loaded machine.
    assert re.search(r"40 of 60 letters \(66 %\), (2\.0|1\.\d)/s, 1\d s left", page)
    for said in ("Redrive dead letters", "at most 100 events a second", "a test", "ann", "began", "Cancel", "Pause"):
        assert said in page
    assert (twin["title"], twin["percent"], twin["secondsLeft"] >= 10) == ("Redrive dead letters", 66, True)
    assert f'href="/jobs/{job.pk}/"' in listed
    assert not INLINE.findall(page + listed)
    assert "No job matches" in text(client.get("/jobs/?state=failed&kind=redrive"))
    assert client.get("/jobs/?state=lost").status_code == 404


def test_a_redrive_tells_what_became_of_its_letters_and_where_they_are() -> None:
    stored, failed, waiting, kept = (make_letter(line, source_id="plant-1") for line in range(4))
    job = redrive.request(LetterFilter(source_id="plant-1"), who="ann", worker="host-1")
    sent = timezone.now()
    DeadLetter.objects.exclude(pk=kept.pk).update(state="sent", sent_at=sent)
    DeadLetter.objects.filter(pk=stored.pk).update(state="stored", event_id="019625a1-0000-7000-8000-000000000001")
    for letter in (stored, failed, waiting):
        DeadLetterAction.objects.create(letter=letter, at=sent, who="ann", kind="redriven", job=job.pk)
    DeadLetterAction.objects.create(letter=failed, at=sent, who="consumer", kind="failed", note="not_json: letter 9")
    Job.objects.update(done=3, total=3, finished_at=sent + timedelta(seconds=1), state="done")

    page = text(operator().get(f"/jobs/{job.pk}/"))

    assert "1 stored, 1 failed again, 1 on their way." in page
    assert f"/dead-letters/?job={job.pk}&amp;state=stored" in page
    assert "/events/plant-1/019625a1-0000-7000-8000-000000000001/" in page
    assert f"/dead-letters/{waiting.pk}/" in page
    assert f"/dead-letters/{kept.pk}/" not in page


def test_a_comparison_is_shown_as_tables_and_its_differences_in_words(site: Deployment) -> None:
    make_letter(0)
    job = comparisons.request(who="ann")
    assert queue.run_next("here", job_registry.steps(), stopping=threading.Event())

    client = operator()
    page = text(client.get(f"/jobs/{job.pk}/"))
    again = client.post(f"/jobs/{job.pk}/repeat/")
    repeated = Job.objects.latest("id")

    assert again.headers["Location"] == f"/jobs/{repeated.pk}/"
    assert (repeated.kind, repeated.arguments, repeated.who) == (job.kind, job.arguments, "operator")
    assert client.post(f"/jobs/{repeated.pk}/repeat/").status_code == 404
    assert "Run again" in page
    assert "Reconcile the stores" in page
    assert "1 difference." in page
    assert "a row of the ledger that differs from the recount" in page
    assert "manage.py reconcile --repair" in page
    assert "Counted again" in page


def test_operators_pause_resume_and_cancel_and_viewers_may_not() -> None:
    job = discard.request(LetterFilter(reason="not_json"), who="ann", note="a test")
    viewer, client = person("vera", role="viewer"), person("olaf", role="operator")

    refused = [viewer.post(f"/jobs/{job.pk}/{how}/").status_code for how in ("cancel", "pause", "resume")]
    offered = "Cancel</button>" in text(viewer.get(f"/jobs/{job.pk}/"))
    states = []
    for how in ("pause", "resume", "cancel", "resume"):
        client.post(f"/jobs/{job.pk}/{how}/")
        job.refresh_from_db()
        states.append(job.state)

    assert (refused, offered) == ([403] * 3, False)
    assert states == ["paused", "queued", "cancelled", "cancelled"]
    assert [entry["text"] for entry in job.log] == ["Paused by olaf", "Resumed by olaf", "Cancelled by olaf"]
    assert "has ended already" in text(client.post(f"/jobs/{job.pk}/resume/", follow=True))


def test_a_person_of_some_sources_sees_only_jobs_on_letters_that_are_their_own(settings: Settings) -> None:
    settings.DATAFLOW_OPEN_READ = False
    others = discard.request(LetterFilter(source_id="bravo"), who="ann", note="of bravo")
    own = discard.request(LetterFilter(source_id="plant-1"), who="pia", note="of plant-1")
    comparisons.request(who="pia")
    Job.objects.filter(pk=others.pk).update(log=job_log.with_entry("bravo"))
    client = person("pia", role="operator", sources=("plant-*",))

    listed = text(client.get("/jobs/"))

    assert f"/jobs/{own.pk}/" in listed
    assert "bravo" not in listed
    assert "everything" not in listed
    assert client.get(f"/jobs/{others.pk}/").status_code == 404
    assert client.post(f"/jobs/{others.pk}/cancel/").status_code == 404
    assert client.post(f"/jobs/{own.pk}/cancel/").status_code == 302
