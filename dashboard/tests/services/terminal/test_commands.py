"""`manage.py status`, `sources`, `tail`, `trace` and the lists of others, on a whole deployment."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest
from django.core.management import get_commands, load_command_class

from deploy.local.processes import ROOT
from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import ReadScope
from ingestion.management.command import OperatorCommand
from processing.models import DeadLetter, Event
from processing.tests import factories, redrive_deployment
from processing.tests.commands import run_command, run_json
from processing.tests.redrive_deployment import RedriveDeployment
from queries.pipeline import dependencies
from queries.pipeline import status as pipeline_status
from queries.schemas import Pipeline

WIDTHS = (80, 100, 140)


@pytest.fixture(name="deployment", scope="module")
def _deployment(module_site: Deployment) -> RedriveDeployment:
    return redrive_deployment.started(module_site)


@pytest.mark.services
def test_the_commands_say_what_the_pages_say_in_the_width_of_the_terminal(
    deployment: RedriveDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    [refused, *_] = deployment.refuse("failing." + "long-" * 10 + "name", 3)
    DeadLetter.objects.filter(pk=DeadLetter.objects.order_by("-id")[0].pk).update(state=DeadLetter.State.DISCARDED)
    outputs: dict[int, list[str]] = {}
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        outputs[width] = [
            run_command("status").stdout,
            run_command("sources").stdout,
            run_command("trace", refused.id).stdout,
            run_command("dead_letters").stdout,
            run_command("dead_letters", "--group").stdout,
            run_command("partitions").stdout,
            run_command("offsets").stdout,
        ]

    too_wide = [
        line for width, texts in outputs.items() for text in texts for line in text.splitlines() if len(line) > width
    ]
    assert too_wide == []
    status, sources, trace, letters, causes, _, offsets = outputs[140]
    assert status.startswith("● Healthy\nEvery event is accounted for.")
    assert "Dead letters  2 open" in status
    assert "failing  failing.long" in sources
    assert "● A dead letter that waits for somebody\n" in trace
    assert [line.split()[1] for line in letters.splitlines()[1:4]] == ["open", "open", "discarded"]
    assert causes.splitlines()[1].split()[:2] == ["2", "3"]
    assert "no consumer runs" not in offsets
    shape = run_json("status")
    assert shape["healthy"] is True
    assert shape["sources"] == {"failing": 1}


@pytest.mark.services
def test_events_are_followed_and_what_is_not_known_ends_with_1(
    deployment: RedriveDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.put(deployment.site.raw_topic, *(factories.line(9_000 + n, b'{"n": 1}', source="fine") for n in range(3)))
    deployment.site.wait_for(lambda: Event.objects.filter(source_id="fine").count() == 3)

    followed = run_command("tail", "fi*", "other", "--last", "2", "--limit", "2", "--json")
    unknown = run_command("trace", str(uuid4()), code=1)
    wrong = run_command("tail", "a*b", code=2)
    monkeypatch.setattr(pipeline_status, "read", _away)
    away = run_command("status", code=1)

    assert [json.loads(line)["payload"] for line in followed.stdout.splitlines()] == [{"n": 1}] * 2
    assert "No event with this id" in unknown.stderr
    assert "a*b: expected" in wrong.stderr
    assert away.stdout.startswith("● Needs attention\nPostgreSQL does not answer")
    assert "Waiting       –" in away.stdout


def _away(*, scope: ReadScope) -> Pipeline:
    states = dependencies.states()
    raise pipeline_status.LedgerUnavailable({**states, "postgresql": {"state": "down", "latencyMs": None}})


def test_the_help_of_every_command_of_ours_is_about_the_command() -> None:
    names = {path.stem for path in ROOT.glob("*/management/commands/*.py")} - {"__init__", "migrate"}
    commands = get_commands()

    for name in sorted(names):
        command = load_command_class(str(commands[name]), name)
        assert isinstance(command, OperatorCommand), name
        text = command.create_parser("manage.py", name).format_help()
        assert (
            re.findall(r"^  (?:-v|--(?:pythonpath|traceback|skip-checks|version|no-color))\b", text, re.MULTILINE) == []
        )
