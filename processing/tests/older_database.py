"""PostgreSQL as a standby left it that was behind: an older copy of the deployment's database takes its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from deploy.testing.deployment import Deployment, drop_database


class OlderDatabase:
    """A copy of the database as it is now."""

    def __init__(self, site: Deployment) -> None:
        self._site = site
        self._name = f"{site.name}_older"
        with _without_clients(site) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(self._name), sql.Identifier(site.name))
            )

    def take_over(self) -> None:
        """Replace the database by the copy: what was committed since is gone, and every client connects again."""
        with _without_clients(self._site) as connection:
            drop_database(self._site.servers, self._site.name)
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(self._name), sql.Identifier(self._site.name)
                )
            )


@contextmanager
def _without_clients(site: Deployment) -> Iterator[psycopg.Connection]:
    with site.servers.postgres.connect("postgres") as connection:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        connection.execute(allow.format(sql.Identifier(site.name), sql.SQL("false")))
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [site.name])
        try:
            yield connection
        finally:
            connection.execute(allow.format(sql.Identifier(site.name), sql.SQL("true")))
