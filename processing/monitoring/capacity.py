"""Checks every minute whether a volume fills up or unread records expire soon, and opens incidents before they do."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from redis.exceptions import RedisError

from ingestion.auth.read_scope import EVERYTHING
from ingestion.runtime.redis_client import connect_from_thread
from processing.errors import NeedsOperator, StoreUnavailable
from processing.kafka import end_offsets
from processing.kafka.administration.admin_client import AdminClient
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import ledger
from processing.ledger.incidents import close_incident, of_partition, open_incident
from processing.ledger.ledger import Snapshot
from processing.models import Incident
from processing.monitoring import volume_history
from processing.monitoring.volumes import Volume, VolumeGroup, VolumeGroups
from processing.stores.mongodb import documents
from processing.stores.mongodb.documents import DocumentsUnavailable

logger = logging.getLogger(__name__)
_groups = VolumeGroups()

EVERY = 60.0  # seconds
SETTINGS_AFTER = 10.0  # seconds from the start
ALMOST_FULL = 95  # %; PostgreSQL and Kafka stop when nothing is left
REFUSED = "Kafka, disk and retention checks"  # subject of the incident while Kafka refuses to answer them

_REDIS_TIMEOUT = 1.0  # seconds
_LOCAL = {"", "localhost", "127.0.0.1", "::1"}
_GIGABYTE = 1_000_000_000
_HOUR = 3_600_000  # milliseconds


def start(stopping: threading.Event) -> None:
    """Start the checks in a daemon thread; a frozen server delays nothing but the next check."""
    threading.Thread(target=_run, args=(stopping,), name="capacity", daemon=True).start()


def check() -> None:
    """Check everything once; what cannot be read changes no incident."""
    try:
        found = [volume for read_volumes in _READERS for volume in read_volumes()]
        kafka = _check_kafka()
        groups = _groups.of([*found, *kafka.volumes])
        _check_volumes(groups)
        volume_history.keep(groups, retention=kafka.retention, limited=kafka.limited)
    except DatabaseError as error:
        logger.debug("volumes and retention not checked", extra={"reason": type(error).__name__})
    finally:
        connection.close()  # back to the pool


def volumes() -> list[VolumeGroup]:
    """Return each volume once, with the servers on it, as far as servers tell it and answer."""
    found = [volume for read_volumes in _READERS for volume in read_volumes()]
    with suppress(StoreUnavailable, NeedsOperator), AdminClient() as client:
        found += _kafka(client)
    connection.close()  # back to the pool
    return VolumeGroups().of(found)


def tell_weaknesses() -> None:
    """Log the settings of the topic that weaken a promise."""
    try:
        with AdminClient() as client:
            found = client.weaknesses()
    except (StoreUnavailable, NeedsOperator) as error:
        logger.debug("settings of the topic not checked", extra={"reason": str(error)})
        return
    for weakness in found:
        logger.warning("the topic's settings weaken a promise", extra={"reason": weakness.sentence})


def _run(stopping: threading.Event) -> None:
    # The first checks wait too, so that they do not slow the start of the consumer.
    if not stopping.wait(SETTINGS_AFTER):
        tell_weaknesses()
    while not stopping.wait(EVERY):
        try:
            check()
        except Exception:
            logger.exception("capacity check failed")


@dataclass(slots=True)
class KafkaCapacity:
    """What the brokers report, as far as they answer."""

    volumes: list[Volume] = field(default_factory=list)
    retention: int | None = None  # ms
    limited: bool | None = None  # whether there is a retention; None: not known


def _check_kafka() -> KafkaCapacity:
    """Check the retention; return what the brokers report."""
    found = KafkaCapacity()
    try:
        with AdminClient() as client:
            found.volumes += _kafka(client)
            found.retention = client.retention()
            found.limited = found.retention is not None
            _check_retention(client, found.retention)
    except StoreUnavailable as error:
        logger.debug("retention not checked", extra={"reason": str(error)})
    except NeedsOperator as error:
        _report(Incident.Kind.OPERATOR, REFUSED, str(error))
    else:
        _report(Incident.Kind.OPERATOR, REFUSED, None)
    return found


def _check_volumes(groups: Iterable[VolumeGroup]) -> None:
    """Open or close one incident for each volume, under the name of the first server on it."""
    most = settings.DATAFLOW_WARN_DISK_PERCENT
    for group in groups:
        volume, servers = group.volume, group.names
        size = f"{volume.percent:.0f} % of {volume.total / _GIGABYTE:,.1f} GB are used"
        # In words: who acknowledged the incident while there was more room has not seen this.
        size += ", it is almost full" if volume.percent >= ALMOST_FULL else ""
        shared = f"; on it are {', '.join(servers)}" if len(servers) > 1 else ""
        _report(Incident.Kind.DISK, group.subject, size + shared if 0 < most <= volume.percent else None)
        for name in servers:
            if name != group.subject:
                close_incident(Incident.Kind.DISK, name)


def _check_retention(client: AdminClient, kept: int | None) -> None:
    # Before the progress is read, so that records that are read in between do not count as unread.
    ends = end_offsets.raw_data_offsets()
    if ends is None:
        return
    share = settings.DATAFLOW_WARN_RETENTION_PERCENT
    unread = _unread(ends, ledger.snapshot(scope=EVERYTHING, max_sources=0))
    # The first record that is young enough; the end of the partition if all are too old.
    young = dict.fromkeys(unread, 0)
    if kept is not None and share > 0:
        since = int(time.time() * 1000 - kept * share / 100)
        found = client.first_since(list(unread), time=since)
        young = {number: found.get(number, end) for number, (_, end) in ends.partitions.items()}
    for number, offset in unread.items():
        text = f"unread records are older than {share:g} % of the {(kept or 0) / _HOUR:g} h that Kafka keeps them"
        _report(Incident.Kind.RETENTION, of_partition(ends.name, number), text if offset < young[number] else None)


def _unread(ends: TopicOffsets, snapshot: Snapshot) -> dict[int, int]:
    """Return each partition's first offset without effects."""
    done = {number: snapshot.progress.get((ends.topic, number)) for number in ends.partitions}
    return {
        number: max(earliest, progress.next_offset) if (progress := done[number]) else earliest
        for number, (earliest, _) in ends.partitions.items()
    }


def _report(kind: Incident.Kind, subject: str, detail: str | None) -> None:
    """Open an incident, or close it if there is no `detail`."""
    if detail is None:
        close_incident(kind, subject)
    else:
        open_incident(kind, subject, detail)


def _named() -> Iterator[Volume]:
    """Yield the volumes of the paths in DATAFLOW_VOLUMES."""
    for path in filter(None, map(str.strip, settings.DATAFLOW_VOLUMES.split(","))):
        yield from _of_path(path, path)


def _postgresql() -> Iterator[Volume]:
    """Yield the volume of a PostgreSQL on this machine; the server itself does not report its size."""
    host = settings.DATABASES["default"]["HOST"]
    if host not in _LOCAL and not host.startswith("/"):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
            found = cursor.fetchone()
    except DatabaseError:
        return
    # Only a role with pg_read_all_settings sees the row.
    if found:
        yield from _of_path(found[0], "PostgreSQL")


def _mongodb() -> Iterator[Volume]:
    """Yield the volume that MongoDB reports; it reports none before the first document."""
    try:
        used, total = documents.volume()
    except DocumentsUnavailable:
        return
    yield from _sized("MongoDB", used, total)


def _redis() -> Iterator[Volume]:
    """Yield the memory of Redis, if it is limited."""
    try:
        with connect_from_thread(timeout=_REDIS_TIMEOUT) as client:
            found = client.info("memory")
    except (RedisError, OSError):
        return
    total = int(found.get("maxmemory", 0))
    if total > 0:
        yield Volume("Redis", int(found["used_memory"]), total, memory=True)


def _kafka(client: AdminClient) -> Iterator[Volume]:
    """Yield the volumes of every broker.

    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: Kafka refuses
    """
    for number, used, total in client.log_dirs():
        yield from _sized(f"Kafka, broker {number}", used, total)


# Those that do not need Kafka.
_READERS: list[Callable[[], Iterator[Volume]]] = [_named, _postgresql, _mongodb, _redis]


def _of_path(path: str, name: str) -> Iterator[Volume]:
    try:
        found, device = os.statvfs(path), Path(path).stat().st_dev
    except OSError:
        return
    # As `df` counts: blocks reserved for root are neither used nor free.
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    free = found.f_bavail * found.f_frsize
    if used + free > 0:
        yield Volume(name, used, used + free, device=device, size=found.f_blocks * found.f_frsize)


def _sized(name: str, used: int, total: int) -> Iterator[Volume]:
    if total > 0:
        yield Volume(name, used, total, size=total)
