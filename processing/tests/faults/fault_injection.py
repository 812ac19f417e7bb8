"""What is done to servers; each ends with its block."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection
from psycopg import sql

from deploy.local.servers.postgres import SYSTEM_USER
from deploy.local.servers.server import Server
from deploy.testing.deployment import Deployment

SMALL = "4m"  # where the disk is full
ENOUGH = "256m"


@contextmanager
def away(server: Server) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@contextmanager
def stopped_at_once(site: Deployment) -> Iterator[None]:
    """PostgreSQL's immediate shutdown: no goodbye, and recovery from the log at the next start."""
    postgres = site.servers.postgres
    os.kill(postgres.pid, signal.SIGQUIT)
    site.wait_for(lambda: not postgres.running, 20)
    try:
        yield
    finally:
        postgres.start()


@contextmanager
def stopped_during_commit(site: Deployment) -> Iterator[None]:
    """The immediate shutdown while a consumer waits for the answer to its COMMIT, which stays unknown to it.

    A standby that must confirm each commit, and that is not there, makes them wait after they are in the log.
    """
    with settings(site, synchronous_standby_names="nobody"):
        site.wait_for(lambda: commits_that_wait(site) > 0, 40)
        with stopped_at_once(site):
            yield


def commits_that_wait(site: Deployment) -> int:
    """How many of the consumers' transactions wait for the standby."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'dataflow-consumer' AND wait_event = 'SyncRep' AND datname = %s"
    )
    with operator(site) as connection:
        row = connection.execute(query, [site.name]).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def read_only(site: Deployment) -> Iterator[None]:
    with settings(site, default_transaction_read_only="on"):
        yield


@contextmanager
def settings(site: Deployment, **values: str) -> Iterator[None]:
    """Settings of the whole server, for all that are connected too."""
    with operator(site) as connection:
        for name, value in values.items():
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        with operator(site) as connection:
            for name in values:
                connection.execute(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
            connection.execute("SELECT pg_reload_conf()")


@contextmanager
def locked(site: Deployment, table: str) -> Iterator[None]:
    """Somebody's transaction that holds a whole table."""
    with site.servers.postgres.connect(site.name) as connection, connection.transaction():
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
        yield


class SmallDisk:
    """A small file system, on which the months of events lie that are made from now on."""

    def __init__(self, site: Deployment) -> None:
        self._site = site
        self._folder = site.servers.postgres.folder / "small"

    def __enter__(self) -> SmallDisk:
        self._folder.mkdir()
        owner = pwd.getpwnam(SYSTEM_USER).pw_uid
        self._mount(f"size={SMALL},uid={owner},mode=700", "-t", "tmpfs", "tmpfs")
        place, database = sql.Literal(str(self._folder)), sql.Identifier(self._site.name)
        with operator(self._site) as connection:
            connection.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(place))
            connection.execute(sql.SQL("ALTER DATABASE {} SET default_tablespace = small").format(database))
        disconnect(self._site)
        return self

    def enlarge(self) -> None:
        self._mount(f"remount,size={ENOUGH}")

    def __exit__(self, *_: object) -> None:
        """Bring back what lies there."""
        with operator(self._site) as connection:
            database = sql.Identifier(self._site.name)
            connection.execute(sql.SQL("ALTER DATABASE {} RESET default_tablespace").format(database))
        disconnect(self._site)
        with self._site.servers.postgres.connect(self._site.name) as connection:
            for kind in ("TABLE", "INDEX"):
                connection.execute(f"ALTER {kind} ALL IN TABLESPACE small SET TABLESPACE pg_default")
            connection.execute("DROP TABLESPACE small")
        subprocess.run(["umount", str(self._folder)], check=True)
        self._folder.rmdir()

    def _mount(self, options: str, *words: str) -> None:
        subprocess.run(["mount", "-o", options, *words, str(self._folder)], check=True)


def disconnect(site: Deployment) -> None:
    """Make every client connect again, which applies settings of the database."""
    with operator(site) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [site.name])


@contextmanager
def operator(site: Deployment) -> Iterator[psycopg.Connection]:
    """A connection that works whatever was done to the server's settings."""
    with site.servers.postgres.connect("postgres") as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("SET synchronous_commit = local")
        yield connection


def lasting(seconds: float) -> None:
    """The length of a fault that consists in lasting so long: not a wait for something."""
    time.sleep(seconds)


def is_read_only() -> bool:
    """Return whether PostgreSQL takes no changes from this process."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        row: tuple[str] = cursor.fetchone()
    return row == ("on",)
