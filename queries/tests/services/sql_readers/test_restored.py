"""Readers after a restore, and after a way back of the migrations."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from psycopg import sql

from deploy.testing.deployment import Deployment, database_name, drop_database, drop_readers
from deploy.testing.postgres_programs import run_program
from queries.tests.services.sql_readers import readers
from queries.tests.stored import make_event, store

pytestmark = pytest.mark.services


def test_readers_after_a_restore_are_named_until_they_are_made_again(site: Deployment) -> None:
    name = readers.name_of(site, "restored")
    before = readers.create(name, "mine")
    with site.servers.postgres.connect(site.name) as admin:
        # As on another server, where the role has another number and everybody may make temporary tables.
        admin.execute("UPDATE reader_source SET role_oid = 1")
        admin.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO PUBLIC").format(sql.Identifier(site.name)))
    store(make_event("mine"))

    troubles = {one["trouble"] for one in readers.listed()}
    readers.run("drop_reader", name)
    after = readers.create(name, "mine")

    assert troubles == {"its role is not there", "it sees no source"}
    assert [one["trouble"] for one in readers.listed()] == [None]
    assert readers.read(after, "SELECT source_id FROM read.events") == [("mine",)]
    with pytest.raises(psycopg.OperationalError):
        readers.connect(before)


def test_a_database_made_anew_on_the_same_server_is_named(site: Deployment) -> None:
    readers.create(readers.name_of(site, "anew"))
    with site.servers.postgres.connect(site.name) as admin:
        admin.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO PUBLIC").format(sql.Identifier(site.name)))

    assert [one["trouble"] for one in readers.listed()] == ["it may make temporary tables"]


def test_the_way_back_before_the_views_leaves_a_reader_that_sees_nothing(site: Deployment) -> None:
    name = readers.name_of(site, "back")
    old = readers.create(name)
    store(make_event("mine"))

    call_command("migrate", "processing", "0011", verbosity=0)
    with pytest.raises(psycopg.errors.UndefinedTable):
        readers.read(old, "SELECT source_id FROM events")
    call_command("migrate", verbosity=0)

    assert readers.read(old, "SELECT source_id FROM events") == []
    assert [(one["role"], one["trouble"]) for one in readers.listed()] == [(f"reader_{name}", "it sees no source")]
    readers.run("drop_reader", name)
    assert readers.read(readers.create(name), "SELECT source_id FROM events") == [("mine",)]


def test_a_backup_is_restored_where_the_readers_are_not(site: Deployment, tmp_path: Path) -> None:
    name, copy, server = readers.name_of(site, "gone"), f"{site.name}_copy", site.servers.postgres
    readers.create(name)
    store(make_event("mine"))
    run_program(server, "pg_dump", "--format=custom", f"--file={tmp_path / 'rows.dump'}", f"--dbname={site.name}")
    readers.run("drop_reader", name)
    with server.connect("postgres") as admin:
        admin.execute(f"CREATE DATABASE {copy}".encode())

    try:
        run_program(server, "pg_restore", "--exit-on-error", f"--dbname={copy}", str(tmp_path / "rows.dump"))
        with database_name(copy):
            restored = readers.listed()
            readers.run("drop_reader", name)
            found = readers.read(readers.create(name), "SELECT source_id FROM events")
    finally:
        drop_database(site.servers, copy)
        drop_readers(site.servers, copy)

    assert [(one["role"], one["trouble"]) for one in restored] == [(f"reader_{name}", "its role is not there")]
    assert found == [("mine",)]
