"""What Kafka's log of raw-data has now: its offsets, the ends of leader epochs, and single records."""

from __future__ import annotations

from collections.abc import Mapping

from processing.errors import NeedsOperator, StoreUnavailable
from processing.events.batch import Record
from processing.kafka.end_offsets import OffsetsReader, TopicOffsets
from processing.kafka.topic_reader import TopicReader
from processing.kafka.unreadable import is_about_content

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
        found = [record for number, offset in sorted(offsets.items()) for record in self._read(number, offset)]
        return {record.partition: record for record in found}

    def close(self) -> None:
        """Close the connections; the next call opens others."""
        self._drop_reader()
        self._ends.close()

    def _read(self, number: int, offset: int) -> list[Record]:
        try:
            if self._reader is None:
                self._reader = TopicReader(client_id="dataflow-log", patience=_PATIENCE).__enter__()
            # One at a time, so that a damaged batch behind the record is not met.
            chunks = list(self._reader.read({number: (offset, offset + 1)}, limit=1))
            self._reader.unreadable = []
        except StoreUnavailable:
            self._drop_reader()
            raise
        except NeedsOperator as error:
            self._drop_reader()
            if is_about_content(error.__cause__):
                return []
            raise
        return [record for chunk in chunks for record in chunk]

    def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.__exit__(None, None, None)
