"""A deployment of the release before becomes one of this release while events come in: nothing is lost or doubled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflow_site.version import VERSION
from deploy.local.processes import ROOT
from deploy.testing.deployment import Deployment, ProductProcess
from deploy.upgrades import lock_watch, release
from deploy.upgrades.tests.rolling import TRACE, ReleaseBefore, Sender
from processing.models import DeadLetter, Event
from processing.tests import factories
from processing.tests.commands import run_command, run_json

ENOUGH = 200  # events that are stored in each state


@pytest.fixture
def before(site: Deployment, tmp_path: Path) -> Iterator[ReleaseBefore]:
    """The release before, with a database of its own."""
    found = ReleaseBefore(site, tmp_path / "before")
    found.create_database()
    yield found
    found.stop()


def await_more(site: Deployment, count: int = ENOUGH) -> None:
    goal = Event.objects.count() + count
    site.wait_for(lambda: Event.objects.count() >= goal, seconds=60)


def has_partitions(process: ProductProcess) -> bool:
    return " reading partition=" in process.log


@pytest.mark.services
def test_an_upgrade_with_consumers_of_both_releases_loses_and_doubles_nothing(
    site: Deployment, before: ReleaseBefore
) -> None:
    old_receiver, url = before.start_ingest()
    old_consumer = before.start_consumer()
    with Sender(url) as sender:
        factories.put_all(site.raw_topic, [b"garbage"], partition=1)
        await_more(site)

        with lock_watch.watching() as watch:
            run_command("migrate", "--verbosity", "0")
        await_more(site)

        new_consumer = site.start_consumer()
        site.wait_for(lambda: has_partitions(new_consumer))
        await_more(site)

        new_receiver = site.start_ingest()
        sender.head, sender.url = {"traceparent": TRACE, "X-Request-ID": "upgraded"}, new_receiver.url
        await_more(site)
        old_receiver.ask_to_stop()

        assert old_consumer.running
        old_consumer.stop()
        await_more(site)
        sender.stop()

    site.wait_for(lambda: Event.objects.count() >= sender.accepted)
    assert (Event.objects.count(), DeadLetter.objects.count()) == (sender.accepted, 1)
    assert watch.findings == []
    proof = run_json("reconcile")
    assert (proof["ok"], proof["differences"]) == (True, [])
    assert run_json("version")["pendingMigrations"] == []


def test_the_release_before_is_the_one_that_the_changelog_has_before_this_one() -> None:
    releases = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert release.before().name == f"{next(each for each in releases if each != VERSION)}.tar.xz"
