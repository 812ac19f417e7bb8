"""The connection by which roles are made: outside of Django's, which may log statements, and without its limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from processing.errors import postgres_errors
from processing.stores import postgres
from queries.sql_readers.errors import ReaderRefused

APPLICATION = "dataflow-readers"
OPTIONS = "-c lock_timeout=10s -c statement_timeout=30s"


@contextmanager
def opened() -> Iterator[psycopg.Connection]:
    """Open a connection in autocommit.

    :raises StoreUnavailable: PostgreSQL does not answer or takes no changes
    :raises NeedsOperator: it refuses for another reason
    :raises ReaderRefused: our role may not do this
    """
    with postgres_errors(passing=errors.InsufficientPrivilege):
        try:
            with postgres.connect(application=APPLICATION, options=OPTIONS) as connection:
                yield connection
        except errors.InsufficientPrivilege as error:
            raise ReaderRefused(f"PostgreSQL: {error.diag.message_primary}. {RIGHTS}") from error


RIGHTS = (
    "POSTGRES_USER needs the right to make roles: run as a superuser `ALTER ROLE … CREATEROLE` with its name, or run this "
    "command with a POSTGRES_USER that has the right and owns the tables."
)
