"""A deployment with some events, and a backup of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.testing.deployment import Deployment
from processing.tests import expectations, factories
from processing.tests.commands import run_command
from processing.tests.consumer_thread import running_loop

EVENTS = 300


@pytest.fixture(scope="module")
def filled(module_site: Deployment) -> Deployment:
    """With rows, documents and a dead letter."""
    store(module_site, range(EVENTS))
    return module_site


@pytest.fixture
def backup(filled: Deployment, tmp_path: Path) -> Path:
    """A backup that is not encrypted."""
    return make_backup(tmp_path)


def store(site: Deployment, numbers: range) -> None:
    """Store events with these numbers, through Kafka and a consumer."""
    factories.put(site.raw_topic, *(factories.line(number, b'{"level":%d}' % number) for number in numbers))
    factories.put(site.raw_topic, b"no event", headers=[])
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)


def make_backup(parent: Path, *arguments: str) -> Path:
    """Make a backup; return its folder."""
    before = set(parent.glob("2*"))
    run_command("backup", "--to", str(parent), *arguments)
    [path] = set(parent.glob("2*")) - before
    return path
