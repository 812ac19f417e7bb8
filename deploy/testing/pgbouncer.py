"""PgBouncer in transaction mode before a test's PostgreSQL, configured as docs/operations.md says."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connections

from deploy.local import ports
from deploy.local.processes import ROOT
from deploy.local.servers.postgres import SYSTEM_USER
from deploy.local.servers.server import Server
from deploy.testing import deployment
from deploy.testing.deployment import Deployment

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None, reason="there is no PgBouncer on this machine to connect through"
)

# Each transaction goes to the server that has rested longest, so that no two in a row share a session.
_UNKIND = """
server_round_robin = 1
min_pool_size = 3
"""


class PgBouncer(Server):
    """One PgBouncer, to which the databases of one PostgreSQL have their own names."""

    name = "PgBouncer"
    variable = ""

    def __init__(self, site: Deployment, *, port: int) -> None:
        # PostgreSQL's own folder: the system user may enter it.
        super().__init__(port=port, folder=site.servers.postgres.folder / f"pgbouncer-{port}")
        self._site = site

    def prepare(self) -> None:
        """Write its files: those of the page, with ports, a password file and the unkind choice of servers."""
        super().prepare()
        postgres = self._site.servers.postgres
        page = (ROOT / "docs" / "operations.md").read_text()
        [example] = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
        text = re.sub(r"host=\S+ port=\S+", f"host={ports.HOST} port={postgres.port}", example)
        text = re.sub(r"listen_addr = .*", f"listen_addr = {ports.HOST}", text)
        text = re.sub(r"listen_port = .*", f"listen_port = {self.port}", text)
        text = re.sub(r"auth_file = .*", f"auth_file = {self.folder}/users.txt", text)
        (self.folder / "pgbouncer.ini").write_text(f"{text}{_UNKIND}unix_socket_dir =\n")
        (self.folder / "users.txt").write_text(f'"{postgres.user}" "{postgres.password}"\n')
        if self.system_user():
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, SYSTEM_USER)

    def command(self) -> list[str]:
        """Return the command line of the server."""
        return [str(PGBOUNCER), str(self.folder / "pgbouncer.ini")]

    def system_user(self) -> str | None:
        """Return the user to run as: PgBouncer refuses to run as root."""
        return SYSTEM_USER if os.geteuid() == 0 else None

    def answers(self) -> bool:
        """Return whether a query comes through."""
        postgres = self._site.servers.postgres
        try:
            psycopg.connect(
                host=ports.HOST, port=self.port, user=postgres.user, password=postgres.password, dbname=self._site.name
            ).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def between(site: Deployment) -> Iterator[dict[str, str]]:
    """Put PgBouncer between this process and PostgreSQL; yield the environment that does it for another process."""
    server = PgBouncer(site, port=ports.free_port())
    database = connections.settings["default"]
    direct = database["PORT"]
    try:
        server.start()
        with deployment.database_name(site.name):
            database["PORT"] = server.port
            yield {"POSTGRES_PORT": str(server.port)}
    finally:
        database["PORT"] = direct
        server.stop()
