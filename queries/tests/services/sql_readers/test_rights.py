"""A reader by SQL can do nothing but read its rows, whatever it tries."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from deploy.testing.deployment import Deployment
from queries.tests.services.sql_readers import readers
from queries.tests.services.sql_readers.readers import Session
from queries.tests.stored import make_event, store

pytestmark = pytest.mark.services

# Each is refused for want of a right, not by the guard of read-only transactions, which a session can take away.
REFUSED = [
    "SELECT * FROM events",
    "SELECT * FROM events_before_2010",
    "SELECT * FROM reader_source",
    "SELECT * FROM reader_scope",
    "SELECT * FROM key",
    "SELECT * FROM auth_user",
    "SELECT * FROM rollup_hour_packed",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_file_settings",
    "TABLE pg_largeobject",
    "INSERT INTO events (source_id) VALUES ('a')",
    "INSERT INTO read.latest VALUES ('a', 'b', 1, now(), gen_random_uuid())",
    "UPDATE read.sources SET enabled = false",
    "DELETE FROM read.events",
    "TRUNCATE events",
    "SELECT * FROM read.events FOR UPDATE",
    "BEGIN; LOCK TABLE read.events IN ROW EXCLUSIVE MODE",
    "INSERT INTO reader_source VALUES (1, 'me', '*')",
    "CREATE TABLE mine (n int)",
    "CREATE TABLE read.mine (n int)",
    "CREATE TABLE public.mine (n int)",
    "CREATE TEMP TABLE mine (n int)",
    "CREATE TEMP VIEW mine AS SELECT 1",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE VIEW read.events AS SELECT 1",
    "ALTER VIEW read.events SET (security_barrier = false)",
    "ALTER VIEW read.events OWNER TO current_user",
    "DROP VIEW read.events",
    "COMMENT ON VIEW read.events IS 'mine'",
    "CREATE ROLE another",
    "ALTER ROLE current_user CONNECTION LIMIT 1000",
    "ALTER ROLE current_user SUPERUSER",
    "SET ROLE dataflow",
    "SET SESSION AUTHORIZATION dataflow",
    "GRANT dataflow TO current_user",
    "COPY read.events TO '/tmp/events.csv'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY read.latest FROM PROGRAM 'id'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_read_binary_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_stat_file('PG_VERSION')",
    "SELECT pg_current_logfile()",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT pg_logical_emit_message(true, 'a', 'b')",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_xact_lock(1, 2)",
    "SELECT pg_try_advisory_xact_lock_shared(1)",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT pg_stat_reset()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'dataflow'",
    "SET temp_file_limit = -1",
    "SET session_replication_role = replica",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "CHECKPOINT",
    "DROP EXTENSION plpgsql",
    "CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()",
    "DO $$ BEGIN PERFORM count(*) FROM public.events; END $$",
    "DO $$ BEGIN CREATE TEMP TABLE mine (n int); END $$",
    "SELECT query_to_xml('SELECT * FROM public.events', true, true, '')",
    "SELECT ts_stat('SELECT payload::text::tsvector FROM public.events')",
    "SELECT database_to_xml(true, true, '') FROM public.key",
]
MALICIOUS = """
CREATE FUNCTION public.leak(text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql
    AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$;
CREATE FUNCTION public.leak(text, text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql
    AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$;
CREATE OPERATOR public.~~~~ (FUNCTION = public.leak, LEFTARG = text, RIGHTARG = text)
"""
VIEWS_WITH_ROWS = ("events", "sources", "latest")


@pytest.fixture(scope="module")
def address(module_site: Deployment) -> str:
    with module_site.servers.postgres.connect(module_site.name) as admin:
        for source in ("mine", "secret"):
            store(make_event(source))
            admin.execute("INSERT INTO latest_value VALUES (%s, 'f', 1, now(), gen_random_uuid())", [source])
            admin.execute(
                "INSERT INTO source_statistics (source_id, first_seen, last_seen, read, stored, duplicate, dead_lettered,"
                " dropped, fields_capped) VALUES (%s, now(), now(), 0, 0, 0, 0, 0, false)",
                [source],
            )
        admin.execute(MALICIOUS)
        admin.execute("ANALYZE")
    return readers.create(readers.name_of(module_site, "rights"), "mine", statement_timeout=7, connections=3)


@pytest.fixture
def session(address: str) -> Iterator[Session]:
    with readers.connect(address, writable=True) as connected:
        # Where the tables are: a name alone means a view otherwise.
        connected.execute("SET search_path = public")
        yield connected


@pytest.mark.parametrize("statement", REFUSED)
def test_a_reader_is_refused(session: Session, statement: str) -> None:
    with pytest.raises(psycopg.Error) as refusal:
        session.execute(statement.encode())

    # A view of several tables can't be written to at all, nor locked or changed without being its owner.
    expected = (errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState, errors.FeatureNotSupported)
    assert isinstance(refusal.value, expected), refusal.value


def test_a_reader_may_write_nothing_even_before_its_rights_are_looked_at(address: str) -> None:
    with readers.connect(address) as session, pytest.raises(errors.ReadOnlySqlTransaction):
        session.execute("CREATE TABLE mine (n int)")


def test_a_session_begins_with_the_guards_and_the_schema(address: str) -> None:
    with readers.connect(address) as session:
        found = [
            session.execute(f"SHOW {name}".encode()).fetchone()
            for name in (
                *("default_transaction_read_only", "statement_timeout", "idle_in_transaction_session_timeout"),
                *("search_path", "timezone", "temp_file_limit"),
            )
        ]
        counted = session.execute("SELECT count(*) FROM events").fetchone()

    assert found == [("on",), ("7s",), ("1min",), ("read",), ("UTC",), ("5GB",)]
    assert counted == (1,)


def test_more_connections_than_allowed_are_refused(address: str) -> None:
    opened = [readers.connect(address) for _ in range(3)]
    try:
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            readers.connect(address)
    finally:
        for one in opened:
            one.close()


@pytest.mark.parametrize("view", VIEWS_WITH_ROWS)
@pytest.mark.parametrize("condition", ["public.leak(source_id)", "source_id OPERATOR(public.~~~~) 'x'"])
def test_a_function_or_operator_that_leaks_gets_no_row_of_another_source(
    session: Session, view: str, condition: str
) -> None:
    told: list[str] = []
    session.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    session.execute("SET enable_indexscan = off")

    found = session.execute(
        f"SELECT source_id FROM read.{view} WHERE {condition} AND source_id <= 'zzz'".encode()
    ).fetchall()

    assert found == [("mine",)]
    assert set(told) == {"mine"}


def test_an_error_betrays_no_value_of_another_source(session: Session) -> None:
    with pytest.raises(errors.InvalidTextRepresentation) as error:
        session.execute("SELECT * FROM read.events WHERE source_id::int = 1 OR source_id = 'secret'")

    assert "secret" not in str(error.value)


def test_naming_another_source_finds_nothing(session: Session) -> None:
    tries = [
        "source_id = 'secret'",
        "source_id IN ('secret', 'x')",
        "source_id <> 'mine'",
        "NOT source_id = 'mine'",
        "true",
    ]

    found = [
        session.execute(f"SELECT DISTINCT source_id FROM read.events WHERE {one}".encode()).fetchall() for one in tries
    ]

    assert found == [[], [], [], [], [("mine",)]]


def test_the_statistics_of_the_tables_are_not_shown(session: Session) -> None:
    assert session.execute("SELECT count(*) FROM pg_stats WHERE schemaname = 'public'").fetchone() == (0,)


def test_the_statements_of_others_are_not_shown(module_site: Deployment, session: Session) -> None:
    with module_site.servers.postgres.connect(module_site.name) as admin:
        admin.execute("SELECT 'of another'")
        shown = session.execute("SELECT DISTINCT query FROM pg_stat_activity WHERE usename = 'dataflow'").fetchall()

    assert shown == [("<insufficient privilege>",)]


def test_a_session_can_lift_its_guards_but_sees_and_writes_no_more(session: Session) -> None:
    session.execute("SET statement_timeout = 0")
    session.execute("SET search_path = public")
    session.execute("RESET ROLE")
    session.execute("SET row_security = off")

    assert session.execute("SELECT source_id FROM read.events").fetchall() == [("mine",)]
    with pytest.raises(errors.InsufficientPrivilege):
        session.execute("SELECT * FROM events")


def test_our_own_role_keeps_what_was_taken_from_everybody(module_site: Deployment, address: str) -> None:
    with module_site.servers.postgres.connect(module_site.name) as admin:
        kept = admin.execute(
            "SELECT acl.grantee = 'dataflow'::regrole, acl.privilege_type FROM pg_database, aclexplode(datacl) AS acl"
            " WHERE datname = current_database() AND privilege_type = 'TEMPORARY'"
        ).fetchall()
        functions = admin.execute(
            "SELECT count(*) FROM pg_proc WHERE proname = 'pg_advisory_xact_lock'"
            " AND EXISTS (SELECT FROM aclexplode(proacl) AS acl WHERE acl.grantee = 'dataflow'::regrole)"
        ).fetchone()

    assert kept == [(True, "TEMPORARY")]
    assert functions == (2,)
