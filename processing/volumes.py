"""How full the servers' volumes are, where that can be read from here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection
from redis.exceptions import RedisError

from ingestion.redis_link import connect_from_thread
from processing import documents
from processing.broker import Broker
from processing.documents import DocumentsUnavailable

_LOCAL = {"", "localhost", "127.0.0.1", "::1"}
_REDIS_TIMEOUT = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume, or Redis' memory, which fills up alike; sizes in bytes."""

    name: str
    used: int
    total: int

    @property
    def percent(self) -> float:
        """How much of it is in use."""
        return 100 * self.used / self.total


def named() -> Iterator[Volume]:
    """Give the volumes of the paths that a setting names."""
    for path in filter(None, settings.DATAFLOW_VOLUMES.split(",")):
        yield from _of_path(path, path)


def postgresql() -> Iterator[Volume]:
    """Give PostgreSQL's, if it runs on this machine: it tells no size of its volume itself."""
    host = settings.DATABASES["default"]["HOST"]
    if host not in _LOCAL and not host.startswith("/"):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
            found = cursor.fetchone()
    except DatabaseError:
        return
    # Only a role that may read all settings is told.
    if found:
        yield from _of_path("PostgreSQL", found[0])


def mongodb() -> Iterator[Volume]:
    """Give MongoDB's, as it sees it; it says nothing of it before the first document."""
    try:
        used, total = documents.volume()
    except DocumentsUnavailable:
        return
    yield from _sized("MongoDB", used, total)


def redis() -> Iterator[Volume]:
    """Give Redis' memory, if that is limited."""
    try:
        with connect_from_thread(timeout=_REDIS_TIMEOUT) as client:
            found = client.info("memory")
    except (RedisError, OSError):
        return
    yield from _sized("Redis", int(found["used_memory"]), int(found.get("maxmemory", 0)))


def kafka(broker: Broker) -> Iterator[Volume]:
    """Give those of every broker.

    :raises StoreUnavailable: Kafka does not answer
    """
    for number, used, total in broker.log_dirs():
        yield from _sized(f"Kafka, broker {number}", used, total)


# Those that don't need Kafka.
READERS: list[Callable[[], Iterator[Volume]]] = [named, postgresql, mongodb, redis]


def _of_path(name: str, path: str) -> Iterator[Volume]:
    try:
        found = os.statvfs(path)
    except OSError:
        return
    # As `df` counts: what is kept for root is neither used nor free.
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    yield from _sized(name, used, used + found.f_bavail * found.f_frsize)


def _sized(name: str, used: int, total: int) -> Iterator[Volume]:
    if total > 0:
        yield Volume(name, used, total)
