"""Makes and drops the roles of readers by SQL."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import psycopg
from psycopg import errors, sql

from queries.sql_readers import connection, public_rights
from queries.sql_readers.connection import RIGHTS
from queries.sql_readers.definition import Reader
from queries.sql_readers.errors import ReaderNotFound, ReaderRefused

PASSWORD_BYTES = 24
IDLE_TIMEOUT = "60s"  # of a transaction: it keeps VACUUM from removing rows, and `migrate` from changing tables
TEMPORARY_FILES = "5GB"  # of one session; only a superuser can set it, and then the reader can't change it

_OURS = "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
# Beside the name, so that no role of another database or maker is dropped.
_MARK = "'Made by manage.py create_reader for the database ' || current_database()"
MADE_HERE = f"shobj_description(oid, 'pg_authid') IS NOT DISTINCT FROM {_MARK}"
_FOUND = f"SELECT oid, {MADE_HERE} FROM pg_roles WHERE rolname = %s"  # noqa: S608 - constants only
_CREATE = "CREATE ROLE {} LOGIN NOINHERIT CONNECTION LIMIT {} PASSWORD {}"
_INSERT = """
INSERT INTO reader_source (role_oid, role, pattern)
SELECT r.oid, r.rolname, given.pattern FROM pg_roles AS r, unnest(%s::text[]) AS given (pattern) WHERE r.rolname = %s
"""


@dataclass(frozen=True, slots=True)
class Created:
    """A reader that was made."""

    password: str
    notes: list[str]  # what else changed, or what the operator should know


def create(reader: Reader, *, dry_run: bool = False) -> Created:
    """Make a reader's role, with a password that is stored nowhere but as PostgreSQL's verifier.

    :param dry_run: do it and roll it back
    :raises ReaderRefused: our role may not, there is a role of this name, or every role can reach more than a reader may
    :raises StoreUnavailable: PostgreSQL does not answer or takes no changes
    """
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    with connection.opened() as opened, opened.transaction(force_rollback=dry_run):
        superuser = _require_right(opened)
        if opened.execute(_FOUND, [reader.role]).fetchone() is not None:
            raise ReaderRefused(f"There is a role {reader.role} already. Drop it first, or take another name.")
        notes = public_rights.restrict(opened)
        _create_role(opened, reader, password)
        _set_defaults(opened, reader, superuser=superuser)
        # Those of a role that a restore has brought without the role itself.
        opened.execute("DELETE FROM reader_source WHERE role = %s", [reader.role])
        opened.execute(_INSERT, [list(reader.patterns), reader.role])
        public_rights.check(opened, reader.role)
    return Created(password, notes)


def drop(role: str, *, dry_run: bool = False) -> bool:
    """Drop a reader's role with its sources, and end its sessions; return whether there was a role.

    :param dry_run: do it and roll it back
    :raises ReaderNotFound: no such reader was made for this database
    :raises ReaderRefused: our role may not, or the role was given other rights
    :raises StoreUnavailable: PostgreSQL does not answer or takes no changes
    """
    with connection.opened() as opened:
        with opened.transaction(force_rollback=dry_run):
            oid, ours = opened.execute(_FOUND, [role]).fetchone() or (None, False)
            known = opened.execute("DELETE FROM reader_source WHERE role = %s", [role]).rowcount > 0
            if not (ours or known):
                raise ReaderNotFound
            if ours:
                _drop_role(opened, role)
        if ours and not dry_run:
            _end_sessions(opened, oid)
    return bool(ours)


def _require_right(opened: psycopg.Connection) -> bool:
    """Return whether our role is a superuser."""
    superuser, may_create = opened.execute(_OURS).fetchone() or (False, False)
    if not (superuser or may_create):
        raise ReaderRefused(f"POSTGRES_USER may not make roles. {RIGHTS}")
    return bool(superuser)


def _create_role(opened: psycopg.Connection, reader: Reader, password: str) -> None:
    # PostgreSQL gets the verifier alone, so that the password is in no log of statements.
    verifier = opened.pgconn.encrypt_password(password.encode(), reader.role.encode(), b"scram-sha-256").decode()
    role = sql.Identifier(reader.role)
    try:
        opened.execute(sql.SQL(_CREATE).format(role, sql.Literal(reader.connections), sql.Literal(verifier)))
    except errors.DuplicateObject as error:
        raise ReaderRefused(f"There is a role {reader.role} already.") from error
    mark = opened.execute(f"SELECT {_MARK}").fetchone()
    assert mark is not None
    opened.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(role, sql.Literal(mark[0])))


def _set_defaults(opened: psycopg.Connection, reader: Reader, *, superuser: bool) -> None:
    """Set what a session starts with. It may change all but the last: what it can't do it has no right to."""
    settings = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{reader.statement_timeout}s",
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT,
        "search_path": "read",
        "timezone": "UTC",
    }
    if superuser:
        settings["temp_file_limit"] = TEMPORARY_FILES
    for name, value in settings.items():
        opened.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(
                sql.Identifier(reader.role), sql.Identifier(name), sql.Literal(value)
            )
        )


def _drop_role(opened: psycopg.Connection, role: str) -> None:
    try:
        opened.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    except errors.DependentObjectsStillExist as error:
        raise ReaderRefused(
            f"The role {role} was given other rights; revoke them first: {error.diag.message_detail}"
        ) from error


def _end_sessions(opened: psycopg.Connection, oid: int) -> None:
    """End the sessions of a role that is gone. One that goes on sees no row, as the role has no sources."""
    try:
        opened.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = %s", [oid])
    except errors.InsufficientPrivilege:
        # Only a superuser may end those of a role that is no longer there.
        pass
