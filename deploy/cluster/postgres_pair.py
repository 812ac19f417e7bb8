"""PostgreSQL as a primary and a standby that confirms every commit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy.cluster.group import Group
from deploy.local import ports as local
from deploy.local.servers.postgres import PostgreSQL, create_database
from deploy.testing.postgres_programs import run_program

SETTINGS = {
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    # A standby that was away for a while catches up from it.
    "wal_keep_size": "256MB",
    # A frozen standby is given up in this time, milliseconds; its primary then waits for it to come back.
    "wal_sender_timeout": "10000",
}


class Half(PostgreSQL):
    """One of the two servers. It becomes a copy of the other one if it starts while that one is the primary."""

    other: Half

    def launch(self) -> None:
        """Start as a standby of the other server if that one runs and takes changes."""
        if self.other.running and self.other.is_primary():
            self._copy(self.other)
        super().launch()

    def is_primary(self) -> bool:
        """Return whether it takes changes."""
        try:
            with self.connect("postgres") as connection:
                return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
        except psycopg.OperationalError:
            return False

    def await_ready(self) -> None:
        """Wait until it answers; a standby has its databases from the primary."""
        self.process.await_ready(self.answers, seconds=self.patience, name=self.name)

    @property
    def is_made(self) -> bool:
        """Return whether there is a data folder."""
        return (self.data / "PG_VERSION").exists()

    @property
    def is_copy(self) -> bool:
        """Return whether it would start as a standby."""
        return (self.data / "standby.signal").exists()

    def timeline(self) -> int:
        """Return the number of its newest timeline: 1, and one more with each promotion."""
        return max((int(file.name[:8], 16) for file in (self.data / "pg_wal").glob("*.history")), default=1)

    def _copy(self, primary: PostgreSQL) -> None:
        """Replace whatever is here: a former primary may have what no other server has, and must not serve it."""
        shutil.rmtree(self.data, ignore_errors=True)
        run_program(primary, "pg_basebackup", f"--pgdata={self.data}", "--write-recovery-conf", "--checkpoint=fast")
        if user := self.system_user():
            for path in (self.data, *self.data.rglob("*")):
                shutil.chown(path, user)


class Pair(Group, PostgreSQL):
    """Both servers; clients name both and use the one that takes changes."""

    def __init__(
        self,
        *,
        ports: Sequence[int],
        folder: Path,
        password: str,
        database: str = "dataflow",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(port=ports[0], folder=folder, password=password, database=database)
        self._members = [
            Half(
                port=port,
                folder=folder / f"server-{number}",
                password=password,
                settings={**SETTINGS, "cluster_name": _name(number), **(settings or {})},
            )
            for number, port in enumerate(ports, 1)
        ]
        one, two = self._members
        one.other, two.other = two, one

    @property
    def members(self) -> Sequence[Half]:
        """Return both, whichever is the primary."""
        return self._members

    @property
    def address(self) -> str:
        """Return the addresses of both."""
        return ",".join(member.address for member in self.members)

    @property
    def hosts(self) -> str:
        """Return the hosts as libpq takes them."""
        return ",".join(local.HOST for _ in self.members)

    @property
    def ports(self) -> str:
        """Return the ports as libpq takes them."""
        return ",".join(str(member.port) for member in self.members)

    def conninfo(self, database: str) -> str:
        """Return libpq's connection string of the owner, to whichever server takes changes."""
        return make_conninfo(
            host=self.hosts,
            port=self.ports,
            user=self.user,
            password=self.password,
            dbname=database,
            target_session_attrs="read-write",
        )

    def prepare(self) -> None:
        """Initialise the first server once; the second is copied from it.

        :raises CannotPrepare: this machine lacks something
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for member in self.members:
            if member is self.members[0] or member.is_made:
                member.prepare()
            else:
                member.folder.mkdir(exist_ok=True)
                member.admit_system_user()

    def launch(self) -> None:
        """Start the primary, make it wait for the other one's confirmation, and start that one."""
        primary = self.primary() or self.last_primary()
        standby = primary.other
        if not primary.running:
            PostgreSQL.launch(primary)
            primary.await_ready()
        if not standby.running:
            standby.launch()
            standby.await_ready()
        self.confirm_by_standby(wanted=True)

    def await_ready(self) -> None:
        """Wait for both, and create the database if it is missing.

        :raises DidNotStart: one ended or was not ready in time
        """
        super().await_ready()
        with self.connect("postgres") as connection:
            create_database(connection, self.database)

    def ask_to_stop(self) -> None:
        """Ask the primary alone, which waits for the standby with what its clients have left to commit."""
        primary = self.primary()
        if primary is None:
            super().ask_to_stop()
        else:
            primary.ask_to_stop()

    def stop(self, seconds: float = 25.0) -> None:
        """Stop the primary, then the standby."""
        primary = self.primary() or self.last_primary()
        primary.stop(seconds)
        primary.other.stop(seconds)

    def primary(self) -> Half | None:
        """Return the server that takes changes; None while there is none."""
        return next((member for member in self.members if member.running and member.is_primary()), None)

    def last_primary(self) -> Half:
        """Return the server that took changes last, while none runs."""
        # One that was promoted has a later timeline than the primary that it replaced.
        return max(self._members, key=lambda half: (half.is_made, not half.is_copy, half.timeline()))

    def confirm_by_standby(self, *, wanted: bool) -> None:
        """Decide whether a commit waits until the standby has it too."""
        names = f"FIRST 1 ({_name(1)}, {_name(2)})" if wanted else ""
        with self.connect("postgres") as connection:
            _set_confirmation(connection, names)

    def is_confirmed(self) -> bool:
        """Return whether the standby streams, and the primary waits for it."""
        return "sync" in self._replication()

    def is_behind(self) -> bool:
        """Return whether the standby receives nothing."""
        return not self._replication()

    def _replication(self) -> list[str]:
        """Return how each standby that streams counts: `sync` or `async`."""
        with self.connect("postgres") as connection:
            found = connection.execute(
                "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
            ).fetchall()
        return [str(state) for (state,) in found]

    def promote(self) -> Half:
        """Make the standby the primary, after the former one ended; commits wait for nobody until that one is back."""
        [standby] = [member for member in self.members if member.is_copy]
        with standby.connect("postgres") as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)
            _set_confirmation(connection, "")
        return standby

    def fall_behind(self) -> None:
        """Let the standby receive no more from now on; a primary that waits for it would confirm nothing more."""
        [standby] = [member for member in self.members if member.is_copy]
        with standby.connect("postgres") as connection:
            connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
            connection.execute("SELECT pg_reload_conf()")


def _name(number: int) -> str:
    return f"server{number}"


def _set_confirmation(connection: psycopg.Connection, names: str) -> None:
    # It must not wait for a standby that is not there.
    connection.execute("SET synchronous_commit = local")
    connection.execute(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(sql.Literal(names)))
    connection.execute("SELECT pg_reload_conf()")
