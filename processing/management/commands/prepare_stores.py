"""`manage.py prepare_stores`: create the Kafka topics and the MongoDB collection; PostgreSQL has `migrate`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

from django.conf import settings
from django.core.management.base import CommandParser

from ingestion.management.command import add_dry_run, add_json
from processing.commandline.command import StoreCommand
from processing.kafka.administration.admin_client import PreparedTopic, prepare_topics
from processing.monitoring import server_versions
from processing.stores.mongodb.document_store import DocumentStore
from processing.supported_versions import KAFKA, MONGODB


class Command(StoreCommand):
    help = (
        "Create the Kafka topics and the MongoDB collection. Safe to repeat: what exists is not changed.\n\n"
        "  manage.py prepare_stores\n"
        "  manage.py prepare_stores --dry-run    show what is missing\n"
        "  manage.py prepare_stores --json       for programs\n\n"
        "Settings of existing topics that weaken a promise are told, each with what to set instead (kafka-configs.sh).\n\n"
        "Exit code 0: all exist; 1: a topic's number of partitions is not DATAFLOW_KAFKA_PARTITIONS; 2: a store is\n"
        "unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_dry_run(parser, "show what is missing; change nothing")
        add_json(parser)

    def handle(self, *, dry_run: bool, as_json: bool, **_options: object) -> None:
        """Exit with 1 if a topic's number of partitions is not as set."""
        with self.store_errors():
            server_versions.refuse_old(KAFKA, MONGODB)
            prepared, collection = _prepare(dry_run=dry_run)
        wrong = [topic for topic in prepared if topic.partitions != settings.DATAFLOW_KAFKA_PARTITIONS]
        shape = _shape(prepared, collection=collection, dry_run=dry_run, ok=not wrong)
        lines = _lines(prepared, collection=collection, dry_run=dry_run)
        self.report(shape, "\n".join(lines), as_json=as_json)
        for topic in wrong:
            self.stderr.write(
                f"Topic {topic.topic} has {topic.partitions} partitions, but DATAFLOW_KAFKA_PARTITIONS is"
                f" {settings.DATAFLOW_KAFKA_PARTITIONS}. Changing the topic under load would break the order per source:"
                " set DATAFLOW_KAFKA_PARTITIONS to the topic's number, or use manage.py partitions grow."
            )
        for topic in prepared:
            for weakness in topic.weak:
                self.stderr.write(f"Topic {topic.topic}: {weakness.sentence}.")
        if wrong:
            sys.exit(1)


def _prepare(*, dry_run: bool) -> tuple[list[PreparedTopic], bool]:
    """Return the topics, and whether the collection was missing."""
    documents = DocumentStore()
    try:
        return prepare_topics(dry_run=dry_run), documents.prepare(dry_run=dry_run)
    finally:
        documents.close()


def _shape(prepared: list[PreparedTopic], *, collection: bool, dry_run: bool, ok: bool) -> dict[str, object]:
    mongodb = {"database": settings.MONGO_DATABASE, "created": collection}
    return {"ok": ok, "dryRun": dry_run, "topics": list(map(_topic_shape, prepared)), "mongodb": mongodb}


def _topic_shape(topic: PreparedTopic) -> dict[str, object]:
    return {**asdict(topic), "weak": [weakness._asdict() for weakness in topic.weak]}


def _lines(prepared: list[PreparedTopic], *, collection: bool, dry_run: bool) -> Iterator[str]:
    made = "would create" if dry_run else "created"
    for topic in prepared:
        yield f"{made if topic.created else 'found'} topic {topic.topic} with {topic.partitions} partitions"
    yield f"{made if collection else 'found'} the collection of MongoDB database {settings.MONGO_DATABASE}"
