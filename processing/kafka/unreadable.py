"""Finds batches of records that can't be read: damaged in the log, or packed in a way that no codec here unpacks."""

from __future__ import annotations

import gzip
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError

from ingestion.kafka import client_internals
from processing.errors import StoreUnavailable, kafka_errors
from processing.kafka import groupless_client

_WAIT = 5.0  # seconds for one answer
_FETCH = 1024 * 1024  # bytes; Kafka returns the first batch whole, however large
_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# The head of a batch: base offset, length, leader epoch, magic, CRC, attributes, last offset delta.
# https://kafka.apache.org/documentation/#recordbatch
_HEAD = struct.Struct(">qiibIhi")
_CONTENT_ERRORS = (CorruptRecordError, UnsupportedCodecError, gzip.BadGzipFile)
_BEFORE_LENGTH = 12  # bytes that the length does not count


@dataclass(frozen=True, slots=True)
class UnreadableBatch:
    """A batch that a client made anew could not read either."""

    partition: int
    first: int  # the offset of its next record
    next: int  # the offset after its last record; `first` where Kafka can't tell
    reason: str

    @property
    def sentence(self) -> str:
        """Return a sentence that names the records and what is wrong with them."""
        which = f"records {self.first} to {self.next - 1}" if self.next > self.first else f"record {self.first}"
        return f"{which} can't be read: {self.reason}"


def is_about_content(error: BaseException | None) -> bool:
    """Return whether the client failed on the records themselves; what a codec raises has no common class."""
    return isinstance(error, _CONTENT_ERRORS) or not isinstance(error, KafkaError | OSError)


def find(positions: Mapping[int, int]) -> list[UnreadableBatch]:
    """Read the next record of each partition, and return the batches that fail to be read.

    :param positions: partition -> the offset of its next record
    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: Kafka refuses
    """
    with kafka_errors(), _client() as client:
        found = [_find_at(client, partition, offset) for partition, offset in sorted(positions.items())]
    return [batch for batch in found if batch is not None]


def find_one(partition: int, offset: int) -> UnreadableBatch | None:
    """As `find`, for one partition."""
    found = find({partition: offset})
    return found[0] if found else None


def _find_at(client: KafkaConsumer, partition: int, offset: int) -> UnreadableBatch | None:
    at = TopicPartition(settings.KAFKA_TOPIC_RAW_DATA, partition)
    if client.end_offsets([at], timeout_ms=int(_WAIT * 1000))[at] <= offset:
        return None
    try:
        data = _fetch(client, at, offset)
    except CorruptRecordError:
        return UnreadableBatch(partition, offset, offset, "Kafka itself can't read it")
    for first, following, codec in _heads(data):
        if first <= offset < following:
            reason = _failure(at, offset)
            return UnreadableBatch(partition, offset, following, f"{reason} (codec {codec})") if reason else None
    return None


def _failure(at: TopicPartition, offset: int) -> str:
    """Read one record with a client of its own, which an error leaves unusable; return what failed, '' if nothing did."""
    with _client() as client:
        client.assign([at])
        client.seek(at, offset)
        try:
            client.poll(timeout_ms=int(_WAIT * 1000), max_records=1)
        except Exception as error:
            if not is_about_content(error):
                raise
            # Without its text, which may have bytes of the record.
            return type(error).__name__
    return ""


def _fetch(client: KafkaConsumer, at: TopicPartition, offset: int) -> bytes:
    client.assign([at])
    client.seek(at, offset)
    deadline = time.monotonic() + _WAIT
    while time.monotonic() < deadline:
        if found := client_internals.fetch_bytes(client, at, wait=0.5):
            return found
    raise StoreUnavailable(f"Kafka: no answer about partition {at.partition} within {_WAIT:.0f} s")


def _heads(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield the first offset, the offset after the last, and the codec of each batch whose head is whole."""
    start = 0
    while start + _HEAD.size <= len(data):
        first, length, _epoch, magic, _crc, attributes, last = _HEAD.unpack_from(data, start)
        if magic != 2 or length <= 0:
            return
        codec = attributes & 0x07
        yield first, first + last + 1, _CODECS[codec] if codec < len(_CODECS) else str(codec)
        start += _BEFORE_LENGTH + length


@contextmanager
def _client() -> Iterator[KafkaConsumer]:
    client = groupless_client.connect(
        "dataflow-unreadable", wait=_WAIT, fetch_max_bytes=_FETCH, max_partition_fetch_bytes=_FETCH
    )
    try:
        yield client
    finally:
        client.close(autocommit=False, timeout_ms=2_000)
