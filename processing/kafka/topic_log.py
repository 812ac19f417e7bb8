"""What Kafka's log of raw-data has now: its offsets, the ends of leader epochs, and single records."""

from __future__ import annotations

from collections.abc import Mapping

from processing.errors import NeedsOperator, StoreUnavailable
from processing.events.batch import Record
from processing.kafka.end_offsets import OffsetsReader, TopicOffsets
from processing.kafka.topic_reader import TopicReader

_PATIENCE = 5.0  # seconds for a record that must be there


class TopicLog:
    """For one thread, which may wait for Kafka; not to be used after a fork."""

    def __init__(self, ends: OffsetsReader) -> None:
        self._ends = ends
        self._reader: TopicReader | None = None

    def ask(self) -> TopicOffsets:
        """Return which offsets exist.

        :raises StoreUnavailable: Kafka does not answer
        :raises NeedsOperator: Kafka refuses, or has no such topic
        """
        return self._ends.ask()

    def ask_epoch_ends(self, epochs: Mapping[int, int]) -> dict[int, int]:
        """Return where leader epochs end; see OffsetsReader."""
        return self._ends.ask_epoch_ends(epochs)

    def read(self, offsets: Mapping[int, int]) -> dict[int, Record]:
        """Return the record at an offset of each partition, if there is one and it can be read.

        :param offsets: by partition; each below its end
        :raises StoreUnavailable: Kafka does not answer
        :raises NeedsOperator: Kafka refuses
        """
        try:
            return self._read(offsets)
        except (StoreUnavailable, NeedsOperator):
            self._drop_reader()
            raise

    def close(self) -> None:
        """Close the connections; the next call opens others."""
        self._drop_reader()
        self._ends.close()

    def _read(self, offsets: Mapping[int, int]) -> dict[int, Record]:
        if self._reader is None:
            self._reader = TopicReader(client_id="dataflow-log", patience=_PATIENCE).__enter__()
        ranges = {number: (offset, offset + 1) for number, offset in offsets.items()}
        chunks = list(self._reader.read(ranges, limit=len(ranges)))
        self._reader.unreadable = []
        return {record.partition: record for chunk in chunks for record in chunk}

    def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.__exit__(None, None, None)
