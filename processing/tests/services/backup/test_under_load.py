"""What was sent before, during and after a backup is there once when both stores were lost and restored from it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random

import pytest
from psycopg import sql
from pymongo import MongoClient

from deploy.testing.deployment import Deployment, drop_database
from processing.tests import expectations
from processing.tests.commands import run_command
from processing.tests.expectations import Expected
from processing.tests.faults import loss_report
from processing.tests.faults.load import Load

pytestmark = pytest.mark.services

RECOVERY = 60.0  # seconds


@pytest.fixture
def load(site: Deployment) -> Iterator[Load]:
    receiver = site.start_ingest()
    load = Load(2, receiver=lambda: receiver.url, rng=Random(7), numbers=count())
    load.start()
    yield load
    load.abandon()


def lose_both_stores(site: Deployment) -> None:
    drop_database(site.servers, site.name)
    with site.servers.postgres.connect("postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(site.name)))
    with MongoClient[dict[str, object]](site.servers.mongo.uri) as client:
        client.drop_database(site.name)


def more_is_sent(site: Deployment, load: Load, *, events: int = 150) -> None:
    before = len(load.acknowledged)
    site.wait_for(lambda: len(load.acknowledged) > before + events, RECOVERY)


def test_both_stores_are_lost_and_restored_from_a_backup_taken_under_load_and_nothing_is_lost_or_doubled(
    site: Deployment, load: Load, tmp_path: Path
) -> None:
    consumer = site.start_consumer()
    site.wait_for(lambda: len(expectations.rows(site)) > 200, RECOVERY)

    run_command("backup", "--to", str(tmp_path))
    more_is_sent(site, load)
    assert consumer.stop() == 0
    stored = len(expectations.rows(site))
    lose_both_stores(site)
    more_is_sent(site, load)
    run_command("restore", "--from", str(tmp_path))
    assert 200 < len(expectations.rows(site)) < stored
    more_is_sent(site, load)
    site.start_consumer()
    load.end()

    sent = Expected()
    sent.add(load.acknowledged)
    site.wait_for(lambda: expectations.caught_up(site), RECOVERY)
    found = loss_report.judge(site, sent)
    assert (found.lost, found.phantom, found.doubled) == (0, 0, 0)
    loss_report.assert_all_right(site, sent)
    run_command("reconcile")
