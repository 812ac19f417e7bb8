"""Documents of a batch that was never committed, as a killed consumer leaves them."""

from __future__ import annotations

from ingestion.events import timestamps
from processing.events import decoding
from processing.events.batch import Batch
from processing.kafka.topic_reader import TopicReader
from processing.models import Progress
from processing.stores.mongodb.document_store import DocumentStore


def write_documents_in_flight() -> int:
    """Write the documents of all unread records, and no rows; return their number."""
    with TopicReader() as reader:
        ends = reader.ends()
        done = {progress.partition: progress.next_offset for progress in Progress.objects.all()}
        ranges = {partition: (done.get(partition, 0), end) for partition, (_, end) in ends.partitions.items()}
        batch = Batch([record for chunk in reader.read(ranges, limit=10) for record in chunk])
    decoding.decode(batch, now=timestamps.now())
    store = DocumentStore()
    store.insert(batch.entries, topic=ends.topic.bytes)
    store.close()
    return len(batch.entries)
