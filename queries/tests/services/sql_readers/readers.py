"""Makes readers by SQL as an operator does, and connects as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from typing import Any

import psycopg
from django.core.management import call_command
from psycopg import sql

from deploy.testing.deployment import Deployment

Session = psycopg.Connection[tuple[Any, ...]]


def create(name: str, *sources: str, **options: object) -> str:
    """Make a reader; return its address."""
    told = StringIO()
    call_command("create_reader", name, source=list(sources), stdout=told, stderr=StringIO(), **options)
    return told.getvalue().strip()


def drop(name: str) -> None:
    call_command("drop_reader", name, stdout=StringIO())


@contextmanager
def changed_by_hand(site: Deployment, role: str, statement: str) -> Iterator[None]:
    """Make or change a role as the owner of the server; drop it at the end, since `drop_reader` leaves it alone."""
    with site.servers.postgres.connect("postgres") as admin:
        admin.execute(statement.encode())
        try:
            yield
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def name_of(site: Deployment, name: str) -> str:
    """Return a name that no other test's reader has: roles are of the server, not of the database."""
    return f"{site.name}_{name}"


def connect(address: str, *, writable: bool = False) -> Session:
    """Connect as a reader.

    :param writable: without the guard that a session can take away itself
    """
    session: Session = psycopg.connect(address, autocommit=True)
    if writable:
        session.execute("SET default_transaction_read_only = off")
    return session


def read(address: str, statement: str) -> list[tuple[Any, ...]]:
    with connect(address) as session:
        return session.execute(statement.encode()).fetchall()


def plan(address: str, query: str) -> str:
    """Return the plan of a query, without its costs."""
    return "\n".join(line for (line,) in read(address, f"EXPLAIN (COSTS OFF) {query}"))


def executed_plan(address: str, query: str) -> str:
    """Run a query; return its plan with the number of rows that each step had."""
    return "\n".join(
        line for (line,) in read(address, f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF) {query}")
    )


def run(command: str, *words: str, **options: object) -> str:
    told = StringIO()
    call_command(command, *words, stdout=told, stderr=StringIO(), **options)
    return told.getvalue().strip()


def listed() -> list[dict[str, Any]]:
    """The readers as a program gets them; the command exits with 1 if something is wrong with one."""
    told = StringIO()
    with suppress(SystemExit):
        call_command("list_readers", as_json=True, stdout=told)
    found: list[dict[str, Any]] = json.loads(told.getvalue())["readers"]
    return found


def roles_of(site: Deployment) -> list[str]:
    with site.servers.postgres.connect("postgres") as admin:
        return [
            role
            for (role,) in admin.execute(
                "SELECT rolname FROM pg_roles WHERE rolname LIKE %s ORDER BY 1", [f"reader\\_{site.name}%"]
            )
        ]
