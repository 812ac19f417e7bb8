"""What `create_reader` and `drop_reader` refuse, and for which roles of the product they work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from psycopg import sql

from deploy.testing.deployment import Deployment, close_pool, database_name, drop_database, drop_readers
from queries.tests.services.sql_readers import readers
from queries.tests.stored import make_event, store

pytestmark = pytest.mark.services


@contextmanager
def as_role(site: Deployment, name: str, rights: str) -> Iterator[None]:
    """Run the product in a database of a role that is no superuser."""
    with site.servers.postgres.connect("postgres") as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x' {rights}".encode())
        admin.execute(f"CREATE DATABASE {name} OWNER {name}".encode())
    database = connections.settings["default"]
    before = {key: database[key] for key in ("USER", "PASSWORD")}
    try:
        with database_name(name):
            database.update(USER=name, PASSWORD="x")
            yield
    finally:
        database.update(before)
        connections.close_all()
        close_pool()
        drop_database(site.servers, name)
        drop_readers(site.servers, name)
        with site.servers.postgres.connect("postgres") as admin:
            admin.execute(f"DROP ROLE {name}".encode())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Grafana"], "Expected a name"),
        (["7up"], "Expected a name"),
        (['a"b'], "Expected a name"),
        (["a" * 57], "Expected a name of 1 to 56"),
        (["a", "--source", "per%cent"], "Expected a source id, or the beginning of one"),
        (["a", "--source", "*x"], "Expected a source id, or the beginning of one"),
        (["a", "--source", "x**"], "Expected a source id, or the beginning of one"),
        (["a", "--source", ""], "Expected a source id, or the beginning of one"),
        (["a", "--connections", "0"], "Expected 1 to"),
        (["a", "--statement-timeout", "0"], "Expected a statement timeout"),
    ],
)
def test_what_can_not_be_used_is_refused(site: Deployment, words: list[str], expected: str) -> None:
    with pytest.raises(CommandError, match=expected) as error:
        call_command("create_reader", *words)

    assert error.value.returncode == 2


def test_a_role_that_the_command_did_not_make_is_left_alone(site: Deployment) -> None:
    name = readers.name_of(site, "foreign")
    role = f"reader_{name}"
    with readers.changed_by_hand(site, role, f"CREATE ROLE {role}"):
        with pytest.raises(CommandError, match=f"There is a role {role} already") as made:
            call_command("create_reader", name)
        with pytest.raises(CommandError, match="create_reader made no role") as dropped:
            call_command("drop_reader", name)

        assert (made.value.returncode, dropped.value.returncode) == (1, 1)
        assert readers.roles_of(site) == [role]


def test_a_role_of_another_database_is_left_alone(site: Deployment) -> None:
    name = readers.name_of(site, "copied")
    role = f"reader_{name}"
    readers.create(name)
    note = "Made by manage.py create_reader for the database other"
    with readers.changed_by_hand(site, role, f"COMMENT ON ROLE {role} IS '{note}'"):
        assert readers.run("drop_reader", name) == f"What {role} sees is forgotten; there is no role."
        assert readers.roles_of(site) == [role]


def test_a_role_with_other_rights_is_not_dropped_by_half(site: Deployment) -> None:
    name = readers.name_of(site, "granted")
    readers.create(name)
    with site.servers.postgres.connect(site.name) as admin:
        admin.execute(f"GRANT SELECT ON events TO reader_{name}".encode())

    with pytest.raises(CommandError, match=r"was given other rights; revoke them first: privileges for .*table events"):
        call_command("drop_reader", name)

    assert [one["role"] for one in readers.listed()] == [f"reader_{name}"]


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        ("GRANT SELECT ON key TO PUBLIC", "may use the table key"),
        ("GRANT SELECT (source_id) ON source TO PUBLIC", "may use the table source"),
        ("GRANT INSERT ON read.sources TO PUBLIC", "may use the table read.sources for writing"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "may use CREATE in the schema public"),
        (
            "CREATE FUNCTION public.all_keys() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.key'",
            r"may use the function all_keys\(\), which runs with the rights of its owner",
        ),
    ],
)
def test_no_reader_is_made_while_every_role_may_use_more_than_the_views(
    site: Deployment, grant: str, expected: str
) -> None:
    with site.servers.postgres.connect(site.name) as admin:
        admin.execute(grant.encode())

    with pytest.raises(CommandError, match=expected) as error:
        call_command("create_reader", readers.name_of(site, "more"))

    assert error.value.returncode == 1
    assert readers.roles_of(site) == []


def test_without_the_right_to_make_roles_a_sentence_says_so(site: Deployment) -> None:
    with as_role(site, f"{site.name}_plain", "NOCREATEROLE"):
        call_command("migrate", verbosity=0)

        with pytest.raises(CommandError, match=r"POSTGRES_USER may not make roles.*CREATEROLE") as error:
            call_command("create_reader", "any")

    assert error.value.returncode == 1


def test_a_product_that_is_no_superuser_makes_readers_and_drops_them(site: Deployment) -> None:
    user = f"{site.name}_owner"
    with as_role(site, user, "CREATEROLE"):
        call_command("migrate", verbosity=0)
        store(make_event("mine"), make_event("other"))
        errors = StringIO()
        told = StringIO()
        call_command("create_reader", f"{user}_a", source=["mine"], stdout=told, stderr=errors)
        made = told.getvalue().strip()

        found = readers.read(made, "SELECT source_id FROM read.events")
        with readers.connect(made, writable=True) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("CREATE TEMP TABLE t (n int)")
        dropped = readers.run("drop_reader", f"{user}_a")

    assert found == [("mine",)]
    assert "POSTGRES_USER is no superuser" in errors.getvalue()
    assert dropped == f"The role reader_{user}_a is dropped."


def test_an_owner_who_is_another_must_take_temporary_tables_from_everybody(site: Deployment) -> None:
    user = f"{site.name}_guest"
    with as_role(site, user, "CREATEROLE"):
        call_command("migrate", verbosity=0)
        with site.servers.postgres.connect(user) as admin:
            admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO dataflow").format(sql.Identifier(user)))

        with pytest.raises(CommandError, match="Its owner can run: REVOKE TEMPORARY ON DATABASE"):
            call_command("create_reader", f"{user}_a")


def test_postgresql_that_is_away_is_told_in_a_sentence(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "PORT", "1")

    with pytest.raises(CommandError, match="PostgreSQL") as error:
        call_command("create_reader", "any")

    assert error.value.returncode == 2
