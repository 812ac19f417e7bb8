"""Publishes processed events to the topic `processed-data`, at least once."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from ingestion.kafka.producer_record import ProducerRecord
from processing.events.batch import Record
from processing.events.entries import Entries
from processing.kafka import processed_records
from processing.kafka.publisher import RecordPublisher


class ProcessedTopic:
    """The producer of processed events. For one thread; not to be used after a fork."""

    def __init__(self) -> None:
        self._outlet = RecordPublisher()

    def publish(self, entries: Entries, stored: Sequence[int], *, whole: Sequence[Record] = ()) -> None:
        """Publish events. Returns once Kafka has acknowledged all.

        :param stored: when each of them was stored, in microseconds
        :param whole: the records that these events are all lines of, if they were stored together
        :raises StoreUnavailable: Kafka did not acknowledge; publish all of them again
        """
        single = settings.DATAFLOW_PROCESSED_ONE_EVENT_PER_RECORD

        def records(partitions: int) -> list[ProducerRecord]:
            rewritten = None
            if whole and not single:
                rewritten = processed_records.rewrite(whole, entries, stored[0], partitions)
            return rewritten or processed_records.build(entries, stored, partitions, single=single)

        self._outlet.send(settings.KAFKA_TOPIC_PROCESSED_DATA, records)

    def close(self) -> None:
        self._outlet.close()
