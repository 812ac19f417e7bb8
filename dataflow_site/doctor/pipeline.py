"""What runs: incidents that are open, jobs that nobody does, volumes that fill up, documents that are gone."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from django.conf import settings

from dataflow_site.doctor.findings import Group, Said, error, warning
from dataflow_site.doctor.postgresql import opened
from processing.monitoring import capacity
from processing.stores.mongodb.server import answers

_INCIDENTS = "SELECT kind, subject, detail FROM incident WHERE until IS NULL ORDER BY since"
_WAITING = "SELECT count(*), min(id) FROM job WHERE state = 'queued' AND created_at < now() - interval '1 minute'"
_ABANDONED = "SELECT count(*) FROM job WHERE state = 'running' AND heartbeat < now() - interval '2 minutes'"
_GIGABYTE, _MEGABYTE = 1_000_000_000, 1_000_000


GROUP: Group[psycopg.Connection] = Group("pipeline", opened, "Start PostgreSQL, which knows of it.", is_server=False)


@GROUP.check("incidents", "No incident is open.")
def incidents(connection: psycopg.Connection) -> Iterator[Said]:
    """What consumers and their checks have noticed."""
    for kind, subject, detail in connection.execute(_INCIDENTS):
        yield warning(
            f"Incident {kind}, {subject}: {detail}.",
            "The page Incidents of the admin, and docs/operations.md, say what to do.",
        )


@GROUP.check("jobs", "No job waits for a worker.")
def jobs(connection: psycopg.Connection) -> Iterator[Said]:
    """Packing, redrives, replays and indexes on fields are jobs."""
    [(waiting, first)] = connection.execute(_WAITING).fetchall()
    [(abandoned,)] = connection.execute(_ABANDONED).fetchall()
    if waiting or abandoned:
        what = (
            f"{waiting} jobs have waited for more than a minute, first number {first}"
            if waiting
            else "A job has lost its worker"
        )
        yield warning(f"{what}.", "manage.py run_jobs")


@GROUP.check("documents", "Where there are rows there are documents.")
def documents(connection: psycopg.Connection) -> Iterator[Said]:
    """A MongoDB that was emptied, or is another one."""
    if connection.execute("SELECT FROM events LIMIT 1").fetchall():
        with answers() as mongodb:
            if not mongodb.has_documents():
                yield error(
                    "PostgreSQL has events, and MongoDB has no document.",
                    "Check MONGO_URI and MONGO_DATABASE, then: manage.py rebuild_documents --from-rows",
                )


@GROUP.check("volumes", "No volume is nearly full, as far as servers tell it.")
def volumes(_connection: psycopg.Connection) -> Iterator[Said]:
    """Those that consumers watch, too."""
    most = settings.DATAFLOW_WARN_DISK_PERCENT
    for group in capacity.volumes():
        volume = group.volume
        if 0 < most <= volume.percent:
            yield error(
                f"{volume.percent:,.0f} % of {_size(volume.total)} of {', '.join(group.names)} are used.",
                "Make room, or a larger volume; docs/operations.md says what takes it.",
            )


def _size(total: int) -> str:
    return f"{total / _GIGABYTE:,.1f} GB" if total >= _GIGABYTE else f"{total / _MEGABYTE:,.1f} MB"
