"""Looks every minute whether something fills up or expires, and says so before it does; beside the consumer's work."""

from __future__ import annotations

import logging
import threading
import time

from django.conf import settings
from django.db import DatabaseError, connection

from processing import lag, ledger, volumes
from processing.broker import Broker
from processing.failures import StoreUnavailable
from processing.incidents import close_incident, of_partition, open_incident
from processing.lag import Ends
from processing.ledger import Snapshot
from processing.models import Incident
from processing.volumes import Volume

logger = logging.getLogger(__name__)

EVERY = 60.0  # seconds
_GIGABYTE = 1_000_000_000
_HOUR = 3_600_000  # milliseconds


def start(stopping: threading.Event) -> None:
    """Begin to look, in a daemon thread: a server that is frozen holds up nothing but the next look."""
    threading.Thread(target=_run, args=(stopping,), name="caretaker", daemon=True).start()


def look() -> None:
    """Look once; what can't be told changes nothing."""
    try:
        for reader in volumes.READERS:
            for volume in reader():
                _judge_volume(volume)
        with Broker() as broker:
            for volume in volumes.kafka(broker):
                _judge_volume(volume)
            _judge_retention(broker)
    except (DatabaseError, StoreUnavailable) as error:
        logger.debug("volumes and retention not looked at", extra={"reason": type(error).__name__})
    finally:
        connection.close()  # back to the pool


def _run(stopping: threading.Event) -> None:
    # Not at once: a start has other things to do.
    while not stopping.wait(EVERY):
        try:
            look()
        except Exception:
            logger.exception("the caretaker could not look")


def _judge_volume(volume: Volume) -> None:
    most = settings.DATAFLOW_WARN_DISK_PERCENT
    size = f"{volume.percent:.0f} % of {volume.total / _GIGABYTE:,.1f} GB are used"
    _say(Incident.Kind.DISK, volume.name, size if 0 < most <= volume.percent else None)


def _judge_retention(broker: Broker) -> None:
    # Before the progress, so that nothing that is read meanwhile counts as unread.
    ends, kept = lag.raw_data_ends(), broker.retention()
    if ends is None:
        return
    share = settings.DATAFLOW_WARN_RETENTION_PERCENT
    unread = _unread(ends, ledger.snapshot(max_sources=0))
    # The first record that is young enough; without any, all are too old.
    young = dict.fromkeys(unread, 0)
    if kept is not None and share > 0:
        since = int(time.time() * 1000 - kept * share / 100)
        found = broker.first_since(list(unread), time=since)
        young = {number: found.get(number, end) for number, (_, end) in ends.partitions.items()}
    for number, offset in unread.items():
        text = f"unread records are older than {share:g} % of the {(kept or 0) / _HOUR:g} h that Kafka keeps them"
        _say(Incident.Kind.RETENTION, of_partition(ends.name, number), text if offset < young[number] else None)


def _unread(ends: Ends, snapshot: Snapshot) -> dict[int, int]:
    """Give each partition's first offset without effects."""
    done = {number: snapshot.progress.get((ends.topic, number)) for number in ends.partitions}
    return {
        number: max(earliest, progress.next_offset) if (progress := done[number]) else earliest
        for number, (earliest, _) in ends.partitions.items()
    }


def _say(kind: Incident.Kind, subject: str, detail: str | None) -> None:
    if detail is None:
        close_incident(kind, subject)
    else:
        open_incident(kind, subject, detail)
