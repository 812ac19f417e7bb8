"""Runs PostgreSQL's own programs, such as pg_dump, on the server of a test."""

from __future__ import annotations

import os
import subprocess

from deploy.local import ports
from deploy.local.servers.postgres import PostgreSQL, binary


def run_program(server: PostgreSQL, name: str, *arguments: str) -> None:
    """Run one of them as the owner of the whole server, to its end.

    :raises CalledProcessError: it failed
    """
    address = (f"--host={ports.HOST}", f"--port={server.port}", f"--username={server.user}")
    subprocess.run(
        [str(binary(name)), *address, *arguments], check=True, env={**os.environ, "PGPASSWORD": server.password}
    )
