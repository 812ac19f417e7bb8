"""`manage.py dead_letters` as an operator uses it."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys

import pytest

from deploy.local import ports, processes
from deploy.testing.deployment import Deployment
from processing.models import DeadLetter, Job
from processing.tests import redrive_deployment
from processing.tests.commands import Output, run_command
from processing.tests.redrive_deployment import RedriveDeployment, await_state, history, letters
from processing.tests.reference_rollups import Sent

pytestmark = pytest.mark.services

MANAGE = [sys.executable, str(processes.ROOT / "manage.py"), "dead_letters"]


@pytest.fixture(name="deployment", scope="module")
def _deployment(module_site: Deployment) -> RedriveDeployment:
    return redrive_deployment.started(module_site)


def test_letters_are_listed_shown_rehearsed_and_sent(deployment: RedriveDeployment) -> None:
    sent = deployment.refuse("listed", 3)
    oldest = DeadLetter.objects.filter(source_id="listed").order_by("id")[0]

    listed = json.loads(run("list", "--source", "listed", "--limit", "2", "--json").stdout)
    shown = run("show", str(oldest.pk))
    tried = run("redrive", "--source", "listed", "--dry-run")
    redriven = run("redrive", "--source", "listed", "--note", "mended")
    await_state(deployment, "listed", "stored", 3)

    assert (listed["total"], [one["sourceId"] for one in listed["letters"]]) == (3, ["listed"] * 2)
    assert f"Dead letter {oldest.pk}, open: A store can't keep this event" in shown.stdout
    assert '"sourceId": "listed"' in shown.stdout
    assert tried.stdout == "3 of 3 would be stored now.\n"
    assert (redriven.stdout, redriven.stderr) == ("3 sent.\n", "")
    told = json.loads(run("show", str(oldest.pk), "--json").stdout)
    assert base64.b64decode(told["raw"]) == bytes(oldest.raw)
    assert [link["id"] for link in told["chain"]] == [oldest.pk]
    assert None not in (told["receivedAt"], told["sentAt"], told["closedAt"])
    assert history(oldest) == [("command line", "redriven", "mended"), ("consumer", "stored", "stored")]
    deployment.expected.add(sent)
    deployment.assert_exact()


def test_one_letter_is_sent_with_other_content(deployment: RedriveDeployment) -> None:
    first = deployment.refuse("edited", 1, mark="always")[0]
    letter = DeadLetter.objects.get(source_id="edited")
    event = {"sourceId": "edited", "timestamp": "2026-03-01T12:00:00Z", "payload": {"n": 1}, "eventId": first.id}

    refused = run("redrive", "--id", str(letter.pk), "--edited", "-", stdin='{"sourceId": "edited"}', code=2)
    redriven = run("redrive", "--id", str(letter.pk), "--edited", "-", stdin=json.dumps(event))
    await_state(deployment, "edited", "stored", 1)
    again = [
        run("redrive", "--id", str(letter.pk), "--edited", "-", *more, stdin=json.dumps(event), code=1)
        for more in ([], ["--dry-run"])
    ]

    assert "missing_field: timestamp is required" in refused.stderr
    assert redriven.stdout == "1 sent.\n"
    assert all(f"Letter {letter.pk} is stored" in one.stderr for one in again)
    deployment.expected.add([Sent("edited", first.id, first.ts, {"n": 1})])
    deployment.assert_exact()


def test_letters_are_discarded_for_a_reason(deployment: RedriveDeployment) -> None:
    deployment.refuse("discarded", 2)

    run("discard", "--source", "discarded", code=2)
    tried = run("discard", "--source", "discarded", "--dry-run")
    discarded = run("discard", "--source", "discarded", "--note", "a test of the sender", "--json")

    assert tried.stdout == "2 would be discarded.\n"
    job = json.loads(discarded.stdout)["job"]
    assert (job["kind"], job["state"], job["total"], job["done"]) == ("discard", "done", 2, 2)
    assert letters("discarded", state="discarded") == 2
    deployment.assert_exact()


@pytest.mark.parametrize(
    ("number", "state", "said"),
    [
        pytest.param(signal.SIGTERM, "done", "continues with the next worker", marks=pytest.mark.faults),
        (signal.SIGINT, "cancelled", "then cancelled"),
    ],
)
def test_a_signal_leaves_the_rest_to_the_workers_or_ends_it(
    deployment: RedriveDeployment, number: signal.Signals, state: str, said: str
) -> None:
    source = f"signal-{number}"
    sent = deployment.refuse(source, 50)
    command = [*MANAGE, "redrive", "--source", source, "--rate", "10"]

    process = subprocess.Popen(command, env=deployment.site.env, stdout=subprocess.PIPE, text=True)
    deployment.site.wait_for(
        lambda: Job.objects.filter(arguments__selection__source_id=source, done__gte=10).exists(), 30
    )
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    job = deployment.await_end(Job.objects.get(arguments__selection__source_id=source))
    await_state(deployment, source, "stored", job.done)

    assert process.returncode == 1
    assert said in output
    assert job.state == state
    assert (job.done == 50) == (state == "done")
    deployment.expected.add(sent[: job.done])
    deployment.assert_exact()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["redrive"], 2, "Choose letters by filters, or use --all."),
        (["redrive", "--all", "--rate", "0"], 2, "expected 1 to 10,000"),
        (["redrive", "--source", "a", "--edited", "event.json"], 2, "name it by --id"),
        (["list", "--reason", "bad"], 2, "expected a code of docs/problems.md"),
        (["show", "987654321"], 1, "There is no dead letter 987654321."),
    ],
)
@pytest.mark.usefixtures("deployment")
def test_what_it_cannot_do_is_said(arguments: list[str], code: int, said: str) -> None:
    assert said in run(*arguments, code=code).stderr


@pytest.mark.faults
def test_an_absent_store_is_exit_code_2(deployment: RedriveDeployment) -> None:
    env = {**deployment.site.env, "POSTGRES_PORT": str(ports.free_port())}
    result = subprocess.run([*MANAGE, "list"], env=env, capture_output=True, text=True, check=False, timeout=60)

    assert result.returncode == 2
    assert "PostgreSQL does not answer." in result.stderr


def run(*arguments: str, stdin: str = "", code: int = 0) -> Output:
    return run_command("dead_letters", *arguments, stdin=stdin, code=code)
