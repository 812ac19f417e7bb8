"""Backups taken and restored in the order of docs/operations.md lose and double nothing that Kafka still holds."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from deploy.testing.deployment import Deployment, close_pool, drop_database
from deploy.testing.postgres_programs import run_program
from ingestion.tests.client import numbered, post
from processing.models import Event, SourceStatistics
from processing.recovery.reconcile import reconcile, report_text
from processing.stores.mongodb import documents

pytestmark = pytest.mark.services


@pytest.fixture
def receiver(site: Deployment) -> str:
    return site.start_ingest().url


def send(site: Deployment, receiver: str, source: str, *, total: int) -> None:
    assert post(receiver, numbered(100, source)).status == 202
    site.wait_for(lambda: sum(SourceStatistics.objects.values_list("read", flat=True)) == total, 30)


def test_a_restored_older_postgresql_and_mongodb_catch_up_from_kafka(
    site: Deployment, receiver: str, tmp_path: Path
) -> None:
    server = site.servers.postgres
    consumer = site.start_consumer()
    send(site, receiver, "before", total=100)
    run_program(server, "pg_dump", "--format=custom", f"--file={tmp_path / 'rows.dump'}", f"--dbname={site.name}")
    send(site, receiver, "between", total=200)
    raw = list(documents.database()["events"].find())
    send(site, receiver, "after", total=300)
    consumer.stop()

    drop_database(site.servers, site.name)
    with server.connect("postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(site.name)))
    documents.database()["events"].drop()
    documents.database()["events"].insert_many(raw)
    run_program(server, "pg_restore", "--exit-on-error", f"--dbname={site.name}", str(tmp_path / "rows.dump"))
    connections.close_all()
    close_pool()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("prepare_stores", stdout=io.StringIO())
    assert Event.objects.count() == 100
    assert post(receiver, numbered(100, "while-away")).status == 202
    site.start_consumer()

    site.wait_for(lambda: Event.objects.count() == 400, 30)
    report = reconcile.run()
    assert report.ok, report_text.render(report)
    assert (report.equation["accepted"], report.equation["duplicate"]) == (400, 0)
    assert documents.database()["events"].count_documents({}) == 400
