"""A revision is tried on stored events: what the job reports, what the command says, and that nothing is written."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from deploy.testing.deployment import Deployment
from processing.events.entries import Entries
from processing.jobs import queue
from processing.logic.history import InvalidHistory
from processing.models import Job, LogicActivation, LogicRevision, SchemaVersion
from processing.stores.mongodb.document_store import DocumentStore
from processing.tests.factories import NOON, make_entry, make_sent
from processing.trials import job as trial_job
from processing.trials import request as trials
from processing.trials.findings import DAY
from processing.trials.job import Trial
from processing.trials.request import TrialRequest

pytestmark = pytest.mark.services

HOT = {"name": "hot", "actions": ["tag hot", "set fahrenheit = temperature * 9 / 5 + 32"], "when": "temperature > 30"}
BROKEN = {"name": "broken", "actions": ['reject "too cold"'], "when": "temperature < 0", "sources": ["sea-*"]}
EVENTS = 3_000


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    """Two sources over three days, temperatures -10 to 49; revision 1 is current, 2 and 3 are drafts."""
    entries = Entries.of(
        make_entry(
            make_sent(
                number, source=("sea-1", "land-1")[number % 2], ts=NOON + number % 3 * DAY,
                payload={"temperature": number % 60 - 10, "number": number},
            )
        )
        for number in range(EVENTS)
    )  # fmt: skip
    with closing(DocumentStore()) as documents:
        documents.insert(entries, topic=b"t" * 16)
    for number, content in ((1, {"rules": [HOT]}), (2, {"rules": [HOT, BROKEN]}), (3, _with_schema(2))):
        save_revision(number, content)
    LogicActivation.objects.create(revision=1, at=timezone.now(), who="test")
    for version, most in ((1, 100), (2, 40)):
        document = {"properties": {"temperature": {"type": "number", "maximum": most}}}
        SchemaVersion.objects.create(name="weather", version=version, document=document, created_at=timezone.now())
    return module_site


def _with_schema(version: int) -> dict[str, object]:
    return {"rules": [HOT], "schemas": [{"name": "weather", "version": version, "sources": ["*"], "mode": "enforce"}]}


def save_revision(number: int, content: Mapping[str, object]) -> None:
    LogicRevision.objects.create(number=number, content=content, created_at=timezone.now(), created_by="test")


def tried(wanted: TrialRequest) -> dict[str, Any]:
    job = trials.request(wanted, who="test", worker="here")
    queue.run(job, Trial().step, stopping=threading.Event())
    job.refresh_from_db()
    assert (job.state, job.place) == (Job.State.DONE, {}), job.message
    report = cast("dict[str, Any]", job.report)
    assert job.done == report["events"]
    return report


def expected(number: int) -> str:
    """What revision 2 makes of an event, without its code."""
    temperature = number % 60 - 10
    if temperature < 0 and number % 2 == 0:
        return "rejected"
    return "changed" if temperature > 30 else "stored"


def test_a_draft_is_tried_on_all_history_and_compared_with_the_current_revision(site: Deployment) -> None:
    outcomes = [expected(number) for number in range(EVENTS)]
    rejected, changed = outcomes.count("rejected"), outcomes.count("changed")

    found = tried(TrialRequest(2))

    assert (found["revision"], found["present"], found["events"], found["damaged"]) == (2, 1, EVENTS, 0)
    assert found["outcomes"] == {
        "stored": EVENTS - rejected, "changed": changed, "tagged": changed, "rejected": rejected, "dropped": 0,
    }  # fmt: skip
    assert found["difference"]["rejected"] == {"onlyPresent": 0, "onlyTried": rejected, "both": 0}
    assert found["difference"]["stored"] == {"onlyPresent": rejected, "onlyTried": 0, "both": EVENTS - rejected}
    assert found["different"] == rejected
    assert [day["day"] for day in found["days"]] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert sum(day["rejected"] for day in found["days"]) == rejected
    assert len(found["examples"]["rejected"]) == 20
    assert found["examples"]["rejected"][0]["rule"] == "broken"


def test_nothing_is_written_but_the_report(site: Deployment) -> None:
    before = _counts()

    tried(TrialRequest(2))

    assert _counts() == before


def _counts() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_stat_user_tables WHERE relname <> 'job' ORDER BY 1")
        names = [name for (name,) in cursor.fetchall()]
        counted = {}
        for name in names:
            cursor.execute(f'SELECT count(*) FROM "{name}"')
            [counted[name]] = cursor.fetchone() or [0]
        return counted


def test_history_can_be_narrowed_by_source_and_by_time(site: Deployment) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)

    sea = tried(TrialRequest(2, ("sea-*", "nobody")))
    one = tried(TrialRequest(2, ("land-1",)))
    day = tried(TrialRequest(2, since=noon, until=datetime(2026, 3, 3, tzinfo=UTC)))
    few = tried(TrialRequest(2, limit=1_234))

    assert (sea["events"], one["events"], day["events"], few["events"]) == (
        EVENTS // 2,
        EVENTS // 2,
        EVENTS // 3,
        1_234,
    )
    assert one["outcomes"]["rejected"] == 0
    assert [found["day"] for found in day["days"]] == ["2026-03-02"]


def test_no_history_is_an_empty_report(site: Deployment) -> None:
    found = tried(TrialRequest(2, ("nobody",)))

    assert (found["events"], found["days"], found["examples"]) == (0, [], {})


def test_switching_logic_off_can_be_tried_too(site: Deployment) -> None:
    found = tried(TrialRequest(0))

    assert found["outcomes"]["changed"] == 0
    assert found["difference"]["changed"]["onlyPresent"] == found["different"] > 0


def test_a_changed_schema_says_what_it_no_longer_accepts(site: Deployment) -> None:
    found = tried(TrialRequest(3))

    [schema] = found["schemas"]
    assert (schema["name"], schema["version"]) == ("weather", 2)
    [earlier] = schema["earlier"]
    assert (earlier["version"], earlier["noLongerAccepts"]) == (1, "something")
    assert earlier["lost"][0]["violations"] == [{"pointer": "/temperature", "detail": "expected at most 40"}]
    assert found["outcomes"]["rejected"] == sum(number % 60 - 10 > 40 for number in range(EVENTS))


def test_a_trial_that_is_interrupted_goes_on_and_counts_nothing_twice(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tried(TrialRequest(2))
    monkeypatch.setattr(trial_job, "CHUNK", 0.0)
    monkeypatch.setattr(trial_job, "BATCH", 500)
    job = trials.request(TrialRequest(2), who="test", worker="first")

    assert Trial().step(job) == 0.0
    assert 0 < job.done < EVENTS
    # Another worker has the row alone.
    job.refresh_from_db()
    queue.run(job, Trial().step, stopping=threading.Event())

    job.refresh_from_db()
    assert (job.done, job.report) == (EVENTS, whole)


def test_what_becomes_current_meanwhile_does_not_change_the_comparison(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_job, "CHUNK", 0.0)
    monkeypatch.setattr(trial_job, "BATCH", 500)
    job = trials.request(TrialRequest(2), who="test", worker="first")
    Trial().step(job)

    activated = LogicActivation.objects.create(revision=2, at=timezone.now(), who="test")
    job.refresh_from_db()
    queue.run(job, Trial().step, stopping=threading.Event())
    activated.delete()

    job.refresh_from_db()
    assert job.report is not None
    assert (job.report["present"], job.report["different"] > 0) == (1, True)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (TrialRequest(99), "there is no revision 99"),
        (TrialRequest(1, ("sea*land",)), "sources have to be"),
        (TrialRequest(1, since=datetime(2026, 3, 2, tzinfo=UTC), until=datetime(2026, 3, 2, tzinfo=UTC)), "the range is empty"),
        (TrialRequest(1, limit=0), "the limit has to be"),
    ],
)  # fmt: skip
def test_what_can_not_be_tried_is_refused(site: Deployment, wanted: TrialRequest, reason: str) -> None:
    before = Job.objects.count()

    with pytest.raises(InvalidHistory, match=reason):
        trials.request(wanted, who="test")
    assert Job.objects.count() == before


def test_the_command_reports_for_people_and_for_programs(site: Deployment) -> None:
    people, programs = io.StringIO(), io.StringIO()

    call_command("try_logic", "--revision", "2", "--source", "sea-*", "--from", "2026-03-02", stdout=people)
    call_command("try_logic", "--revision", "2", "--source", "sea-*", "--from", "2026-03-02", "--json", stdout=programs)

    found = json.loads(programs.getvalue())
    assert found["state"] == "done"
    text = people.getvalue()
    assert text.startswith(f"Revision 2 on {found['events']:,} events; now: revision 1.")
    [line] = [line for line in text.splitlines() if line.startswith("rule broken")]
    assert line.split()[3] == str(found["outcomes"]["rejected"])
    assert "by broken: too cold" in text
    assert "/fahrenheit: nothing -> " in text


def test_the_command_refuses_what_can_not_be_tried(site: Deployment) -> None:
    with pytest.raises(CommandError, match="there is no revision 99") as refused:
        call_command("try_logic", "--revision", "99")
    assert refused.value.returncode == 2
