"""A deployment with months of events, on a folder that may be kept and measured again."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from deploy.bench.queries.filling import fill
from deploy.bench.queries.filling.history import DAYS, History
from deploy.bench.stack import Stack, running_servers
from deploy.bench.usage import cpu_seconds
from deploy.local import ports
from deploy.testing.servers import Servers

NAME = "queries"  # of both databases
MARK = "filled.json"  # in the folder, once it is filled whole


class NotFilled(Exception):
    """A folder can't be measured, or not be filled. The text says why."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A deployment whose web process runs, and what it holds."""

    stack: Stack
    history: History
    events: int
    filling: str  # what it took
    token: str  # of a key that may read and send


@contextmanager
def filled(*, rows: int, keep: Path | None, use: Path | None, days: int = DAYS) -> Iterator[Filled]:
    """Fill new stores, or take those of a folder, and start the web process as production runs it.

    :param keep: a new folder for the servers' data, which stays
    :param use: one that was kept, in place of filling
    :raises NotFilled: `keep` is filled already, or `use` is not
    """
    mark = use / MARK if use else keep / MARK if keep else None
    if mark and mark.exists() == bool(keep):
        raise NotFilled(f"{mark.parent} is {'filled already: --use it' if keep else 'not filled: --keep it first'}.")
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    with running_servers(use or keep, postgres={"shared_buffers": f"{_memory_of_postgresql()}MB"}) as servers:
        logs = servers.postgres.folder.parent / "logs"
        logs.mkdir(exist_ok=True)
        stack = Stack(servers, NAME, logs, _environment())
        try:
            yield _filled(stack, servers, mark, History(rows=rows, days=days, now=datetime.now(UTC)), is_new=not use)
        finally:
            stack.stop()


def _memory_of_postgresql() -> int:
    """Return a quarter of this machine's memory in MiB, as docs/operations.md advises where months of events are read."""
    return psutil.virtual_memory().total // 2**20 // 4


def _environment() -> dict[str, str]:
    return {
        "DATAFLOW_DEBUG": "0",
        "DATAFLOW_SECRET_KEY": secrets.token_urlsafe(50),
        "DATAFLOW_ALLOWED_HOSTS": f"localhost,{ports.HOST}",
        # No proxy with TLS stands in front.
        "DATAFLOW_HTTPS": "0",
        "DATAFLOW_PACK_EVERY_HOURS": "0",
    }


def _filled(stack: Stack, servers: Servers, mark: Path | None, history: History, *, is_new: bool) -> Filled:
    if is_new:
        stack.prepare()
        events, filling = _fill(servers, history)
        if mark:
            mark.write_text(_text(history, events, filling), encoding="utf-8")
    else:
        assert mark is not None
        history, events, filling = _read(mark.read_text(encoding="utf-8"))
        # A later release may have further tables.
        stack.upgrade()
        _read_once(servers, stack)
    token = stack.create_key("--scope", "read", "--scope", "ingest")
    stack.start_web()
    return Filled(stack, history, events, filling, token)


def _fill(servers: Servers, history: History) -> tuple[int, str]:
    """Fill the stores; return the number of events, and how long it took."""
    print(f"filling {history.rows:,} rows", file=sys.stderr, flush=True)
    began, cpu = time.monotonic(), cpu_seconds(os.getpid())
    events = fill.fill(history, postgres=servers.postgres.conninfo(NAME), mongo=servers.mongo.uri, name=NAME)
    filling = f"{time.monotonic() - began:.0f} s, {cpu_seconds(os.getpid()) - cpu:.0f} s of CPU time"
    print(f"filled {events:,} rows in {filling}", file=sys.stderr, flush=True)
    return events, filling


def _read_once(servers: Servers, stack: Stack) -> None:
    """Read the stores' files, and all events, so that what is measured is the product and not this machine's disk."""
    for folder in (servers.postgres.folder, servers.mongo.folder):
        # Those of PostgreSQL are another user's; whoever may not read them starts with what the system holds.
        for file in filter(Path.is_file, folder.rglob("*")):
            with suppress(OSError), file.open("rb") as content:
                while content.read(2**20):
                    pass
    with stack.stores.connect() as connection:
        connection.execute("SET enable_indexonlyscan = off; SET enable_bitmapscan = off; SET enable_indexscan = off")
        connection.execute("SELECT count(*) FROM events")


def _text(history: History, events: int, filling: str) -> str:
    mark = {"rows": history.rows, "days": history.days, "now": history.now.isoformat()}
    return json.dumps({**mark, "events": events, "filling": filling}, indent=2)


def _read(text: str) -> tuple[History, int, str]:
    mark = json.loads(text)
    history = History(rows=mark["rows"], days=mark["days"], now=datetime.fromisoformat(mark["now"]))
    return history, mark["events"], mark["filling"]
