"""The release before as running processes, and a sender that goes on while receivers are replaced."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from psycopg import sql

from deploy.local import ports, processes
from deploy.local.process import Process
from deploy.testing.deployment import Deployment, drop_database
from deploy.upgrades import release
from ingestion.tests.client import JSON, call, numbered

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class ReleaseBefore:
    """The release before, unpacked, with the servers and stores of a deployment."""

    def __init__(self, site: Deployment, folder: Path) -> None:
        self.version = release.unpack(folder)
        self._site = site
        self._folder = folder
        self.running: list[Process] = []

    def create_database(self) -> None:
        """Replace the database by one that this release has made."""
        drop_database(self._site.servers, self._site.name)
        with self._site.servers.postgres.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._site.name)))
        self.manage("migrate", "--verbosity", "0")

    def manage(self, *words: str) -> str:
        """Run a command of this release."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=self._folder,
            env=self._site.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_ingest(self) -> tuple[Process, str]:
        """Start a receiver; return it with its address."""
        port = ports.free_port()
        words = processes.INGEST.command(port)[1:]
        process = self._start("ingest", words, {"INGESTION_SERVICE_PORT": str(port)})
        process.await_ready(lambda: processes.is_healthy(port), seconds=60, name="the receiver before")
        return process, f"http://{ports.HOST}:{port}"

    def start_consumer(self) -> Process:
        """Start a consumer."""
        port = ports.free_port()
        process = self._start("consumer", ["manage.py", "consume"], {"PROCESSOR_SERVICE_PORT": str(port)})
        process.await_ready(lambda: processes.is_healthy(port), seconds=60, name="the consumer before")
        return process

    def _start(self, name: str, words: list[str], settings: Mapping[str, str]) -> Process:
        log = self._site.folder / f"before-{name}.log"
        process = Process([sys.executable, *words], log=log, env={**self._site.env, **settings}, cwd=self._folder)
        self.running.append(process)
        return process

    def stop(self) -> None:
        """Stop what still runs."""
        for process in self.running:
            process.stop()


class Sender:
    """Sends events one batch after the other, each again until a receiver has accepted it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.head: dict[str, str] = {}  # beside the content type
        self.accepted = 0  # events
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop after the batch in hand is accepted."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._ending.is_set():
            batch = [event for source in range(4) for event in numbered(5, f"upgraded-{source}")]
            for event in batch:
                event["payload"]["batch"] = number
            while not self._is_accepted(batch):
                time.sleep(0.05)
            self.accepted += len(batch)
            number += 1
            time.sleep(0.02)

    def _is_accepted(self, batch: list[dict[str, object]]) -> bool:
        try:
            return call(self.url, "POST", "/ingest", json.dumps(batch).encode(), {**JSON, **self.head}).status == 202
        except OSError:
            return False
