"""A standby of PostgreSQL that streams from the server of the session, falls behind, and takes its place."""

from __future__ import annotations

import shutil

import psycopg

from deploy.local import ports
from deploy.local.servers.postgres import PostgreSQL
from deploy.testing.deployment import Deployment
from deploy.testing.postgres_programs import run_program


class Standby:
    """Streams from its creation on."""

    def __init__(self, site: Deployment) -> None:
        self._site = site
        self._primary = site.servers.postgres
        port = ports.free_port()
        # On the same file system, where it can be moved into the primary's place.
        self._server = PostgreSQL(port=port, folder=self._primary.folder.parent / f"standby-{port}")
        self._server.folder.mkdir()
        self._copy()
        self._server.start()
        site.wait_for(self._streams, 30)

    def fall_behind(self) -> None:
        """Receive no more from now on."""
        with self._server.connect("postgres") as connection:
            connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
            connection.execute("SELECT pg_reload_conf()")
        self._site.wait_for(lambda: not self._streams(), 30)

    def take_over(self) -> None:
        """Kill the primary, promote the standby, and let clients find it in the primary's place."""
        self._primary.kill()
        with self._server.connect("postgres") as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)
        self._server.stop()
        shutil.rmtree(self._primary.data)
        self._server.data.rename(self._primary.data)
        self._primary.start()

    def timeline(self) -> int:
        """Return the timeline of the server that clients find."""
        with self._primary.connect("postgres") as connection:
            [(timeline,)] = connection.execute("SELECT timeline_id FROM pg_control_checkpoint()").fetchall()
        return int(timeline)

    def close(self) -> None:
        if self._server.running:
            self._server.kill()

    def _streams(self) -> bool:
        try:
            with self._primary.connect("postgres") as connection:
                found = connection.execute("SELECT FROM pg_stat_replication WHERE state = 'streaming'").fetchone()
        except psycopg.OperationalError:
            return False
        return found is not None

    def _copy(self) -> None:
        options = (f"--pgdata={self._server.data}", "--write-recovery-conf", "--checkpoint=fast")
        run_program(self._primary, "pg_basebackup", *options)
        if user := self._primary.system_user():
            for path in (self._server.data, *self._server.data.rglob("*")):
                shutil.chown(path, user)
