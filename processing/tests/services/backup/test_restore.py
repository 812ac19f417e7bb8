"""A restore changes nothing before it is sure, and may be killed and run again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings
from psycopg import sql
from pymongo import MongoClient

from deploy.testing.deployment import Deployment, close_pool, drop_database
from processing.backup.files import manifest
from processing.stores.mongodb import raw_documents
from processing.tests import expectations
from processing.tests.commands import run_command, run_json
from processing.tests.consumer_thread import running_loop
from processing.tests.services.backup.conftest import EVENTS, make_backup, store
from processing.tests.services.backup.test_backup import start

pytestmark = pytest.mark.services

CONSUMERS = "SELECT FROM pg_stat_activity WHERE application_name = 'dataflow-consumer' AND datname = current_database()"


def everything(site: Deployment) -> tuple[object, ...]:
    """What both stores hold."""
    return (
        expectations.rows(site),
        expectations.documents(site),
        expectations.totals(site),
        expectations.ledger(site),
        expectations.letters(site),
        expectations.latest(site),
        expectations.progress(site),
    )


def lose(site: Deployment) -> None:
    """Make both databases anew; PostgreSQL's has the empty tables of the product."""
    connections.close_all()
    close_pool()
    drop_database(site.servers, site.name)
    with site.servers.postgres.connect("postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(site.name)))
    with MongoClient[dict[str, Any]](site.servers.mongo.uri) as client:
        client.drop_database(site.name)
    call_command("migrate", verbosity=0, interactive=False)


@pytest.fixture
def empty(filled: Deployment, backup: Path) -> Deployment:
    lose(filled)
    return filled


def test_what_is_restored_is_what_was_backed_up(filled: Deployment, backup: Path) -> None:
    before = everything(filled)
    lose(filled)

    said = run_command("restore", "--from", str(backup)).stdout

    assert everything(filled) == before
    assert f"Restored {EVENTS:,} events and {EVENTS:,} documents" in said
    assert raw_documents.interrupted() is None


def test_stores_with_data_are_left_alone_unless_told(filled: Deployment, backup: Path) -> None:
    before = everything(filled)
    store(filled, range(EVENTS, EVENTS + 10))
    after = everything(filled)

    said = run_command("restore", "--from", str(backup), code=2).stderr

    assert "PostgreSQL has rows (" in said
    assert "MongoDB has documents: with --replace they are deleted" in said
    assert everything(filled) == after

    run_command("restore", "--from", str(backup), "--replace")

    assert everything(filled) == before
    # For the tests after this: Kafka has them still.
    with running_loop():
        filled.wait_for(lambda: expectations.caught_up(filled), 30)
    assert everything(filled) == after
    run_command("reconcile")


def test_a_restore_that_is_killed_between_the_stores_is_run_again(empty: Deployment, backup: Path) -> None:
    # A reader of one table lets the rows wait when the documents are in place.
    with empty.servers.postgres.connect(empty.name) as other, other.transaction():
        other.execute("SELECT count(*) FROM topic")
        process = start("restore", "--from", str(backup), site=empty)
        empty.wait_for(lambda: waits_for_lock(empty), 30)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    found = manifest.load(backup)
    assert raw_documents.interrupted() == found.id
    assert len(expectations.documents(empty)) == found.documents
    assert expectations.rows(empty) == {}

    run_command("restore", "--from", str(backup))

    assert len(expectations.rows(empty)) == len(expectations.documents(empty)) == found.rows
    assert raw_documents.interrupted() is None


def waits_for_lock(site: Deployment) -> bool:
    waiting = "SELECT FROM pg_stat_activity WHERE application_name = 'dataflow-backup' AND wait_event_type = 'Lock'"
    return bool(expectations.query(site, waiting))


def test_documents_that_are_not_loaded_to_the_end_change_nothing(filled: Deployment) -> None:
    before = expectations.documents(filled)

    def half() -> Iterator[None]:
        with raw_documents.loading():
            yield
            raise ZeroDivisionError

    run = half()
    next(run)
    with pytest.raises(ZeroDivisionError):
        next(run)

    assert expectations.documents(filled) == before
    with MongoClient[dict[str, Any]](filled.servers.mongo.uri) as client:
        assert client[filled.name].list_collection_names() == ["events"]


def test_a_damaged_backup_is_found_by_its_sums_and_changes_nothing(empty: Deployment, backup: Path) -> None:
    file = backup / "documents.bson.zst"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    assert "documents.bson.zst was changed" in run_command("restore", "--from", str(backup), "--verify", code=1).stdout
    assert "is damaged: documents.bson.zst was changed" in run_command("restore", "--from", str(backup), code=2).stderr

    assert (expectations.rows(empty), expectations.documents(empty)) == ({}, {})
    run_command("restore", "--from", str(make_whole(empty, backup, content)))


def make_whole(site: Deployment, backup: Path, content: bytearray) -> Path:
    content[len(content) // 2] ^= 1
    (backup / "documents.bson.zst").write_bytes(content)
    return backup


def test_a_backup_without_one_of_its_files_is_damaged(backup: Path) -> None:
    (backup / "rows.sql.zst").unlink()

    said = run_command("restore", "--from", str(backup), "--verify", code=1).stdout

    assert said == "rows.sql.zst can't be read: No such file or directory.\n"


def test_an_encrypted_backup_holds_the_secrets_and_is_read_with_its_key_alone(
    filled: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAFLOW_SECRET_KEY", "c4nary it's one $of 'many'")
    key, other = tmp_path / "backup.key", tmp_path / "other.key"
    recipient = run_command("backup", "--new-identity", str(key)).stdout.strip()
    run_command("backup", "--new-identity", str(other))
    path = make_backup(tmp_path / "to", "--recipient", recipient)
    before = everything(filled)

    assert "c4nary" not in "".join(file.read_text(errors="replace") for file in path.iterdir())
    assert run_json("restore", "--from", str(path), "--verify")["contentRead"] is False
    assert run_json("restore", "--from", str(path), "--verify", "--identity", str(key))["contentRead"] is True
    assert "--identity" in run_command("restore", "--from", str(path), "--replace", code=2).stderr
    wrong = run_command("restore", "--from", str(path), "--replace", "--identity", str(other), code=2).stderr
    assert "is encrypted for another identity" in wrong
    assert everything(filled) == before

    run_command("restore", "--from", str(path), "--replace", "--identity", str(key))
    run_command("restore", "--from", str(path), "--identity", str(key), "--settings-to", str(tmp_path / "settings"))

    assert everything(filled) == before
    assert "DATAFLOW_SECRET_KEY=\"c4nary it's one \\$of 'many'\"" in (tmp_path / "settings").read_text()
    assert key.stat().st_mode & 0o077 == (tmp_path / "settings").stat().st_mode & 0o077 == 0


def test_nothing_is_restored_while_a_consumer_runs(filled: Deployment, backup: Path) -> None:
    before = everything(filled)
    with running_loop():
        filled.wait_for(lambda: expectations.query(filled, CONSUMERS), 30)
        said = run_command("restore", "--from", str(backup), "--replace", code=2).stderr

    assert "1 consumer runs: stop them first" in said
    assert everything(filled) == before


def test_a_backup_of_a_newer_release_is_refused(empty: Deployment, backup: Path) -> None:
    text = (backup / manifest.NAME).read_text()
    (backup / manifest.NAME).write_text(text.replace("0001_initial", "9999_unknown"))

    said = run_command("restore", "--from", str(backup), code=2).stderr

    assert "is of a newer release, " in said
    (backup / manifest.NAME).write_text(text)
    run_command("restore", "--from", str(backup))


def test_rows_that_postgresql_refuses_leave_it_as_it_was(filled: Deployment, backup: Path) -> None:
    before = expectations.rows(filled)
    # What an operator built on a table of the product is not removed without a word.
    with filled.servers.postgres.connect(filled.name) as connection:
        connection.execute("CREATE SCHEMA mine; CREATE VIEW mine.kept AS SELECT * FROM source_statistics")

    said = run_command("restore", "--from", str(backup), "--replace", code=2).stderr

    assert "PostgreSQL is as it was, since it refuses the rows: " in said
    assert "other objects depend on" in said
    assert expectations.rows(filled) == before
    with filled.servers.postgres.connect(filled.name) as connection:
        connection.execute("DROP SCHEMA mine CASCADE")
    run_command("restore", "--from", str(backup), "--replace")


def test_another_secret_and_records_that_kafka_removed_are_told(filled: Deployment, tmp_path: Path) -> None:
    path = make_backup(tmp_path)
    before = expectations.progress(filled)
    store(filled, range(2 * EVENTS, 2 * EVENTS + 5))
    filled.remove_raw_records(before=expectations.progress(filled))

    with override_settings(SECRET_KEY="another secret of more than thirty-two characters"):
        said = run_command("restore", "--from", str(path), "--replace").stdout

    assert "Kafka has removed 2 records that came after the backup" in said
    assert "DATAFLOW_SECRET_KEY is not the one of the backup" in said
    assert expectations.progress(filled) == before
