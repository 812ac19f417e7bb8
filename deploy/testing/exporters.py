"""Debian's exporters of PostgreSQL and Redis, beside the servers of the tests."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import ports
from deploy.local.process import Process
from deploy.testing.servers import Servers

POSTGRESQL = shutil.which("prometheus-postgres-exporter")
REDIS = shutil.which("prometheus-redis-exporter")


@contextmanager
def exporters(servers: Servers, folder: Path) -> Iterator[dict[str, str]]:
    """Start those that are installed; return their addresses by the names of Prometheus' jobs."""
    started: dict[str, tuple[Process, int]] = {}
    postgres = servers.postgres
    address = f"postgresql://{postgres.user}:{postgres.password}@{ports.HOST}:{postgres.port}/postgres?sslmode=disable"
    try:
        if POSTGRESQL:
            started["postgresql"] = _start(POSTGRESQL, [], {"DATA_SOURCE_NAME": address}, folder / "postgresql.log")
        if REDIS:
            words = [f"--redis.addr=redis://{servers.redis.address}"]
            started["redis"] = _start(REDIS, words, {}, folder / "redis.log")
        for name, (process, port) in started.items():
            process.await_ready(lambda port=port: _answers(port), seconds=20, name=f"the exporter of {name}")  # type: ignore[misc]
        yield {name: f"{ports.HOST}:{port}" for name, (_, port) in started.items()}
    finally:
        for process, _ in started.values():
            process.stop()


def _start(program: str, words: list[str], env: dict[str, str], log: Path) -> tuple[Process, int]:
    port = ports.free_port()
    command = [program, f"--web.listen-address={ports.HOST}:{port}", *words]
    return Process(command, log=log, env=env, cwd=log.parent), port


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{ports.HOST}:{port}/metrics", timeout=5):
            return True
    except OSError:
        return False
