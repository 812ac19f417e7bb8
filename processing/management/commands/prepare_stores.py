"""Makes what the product needs in Kafka and MongoDB; PostgreSQL has `manage.py migrate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import OperatorCommand
from processing.admin_client import PreparedTopic, prepare_topics
from processing.document_store import DocumentStore
from processing.failures import NeedsOperator, StoreUnavailable


class Command(OperatorCommand):
    help = (
        "Make the Kafka topics and the MongoDB collection. Safe to repeat; changes nothing that exists.\n\n"
        "  manage.py prepare_stores\n"
        "  manage.py prepare_stores --dry-run    what is missing\n"
        "  manage.py prepare_stores --json       for programs\n\n"
        "Exit code 0: all is there; 1: a topic has other partitions than DATAFLOW_KAFKA_PARTITIONS says; 2: a store is\n"
        "away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what is missing, and change nothing")
        parser.add_argument("--json", action="store_true", help="write one JSON object")

    def handle(self, *, dry_run: bool, json: bool, **_options: object) -> None:
        """Make what is missing, and say what was found; exit 1 when the partitions are not as set."""
        prepared, collection = _prepare(dry_run=dry_run)
        wrong = [topic for topic in prepared if topic.partitions != settings.DATAFLOW_KAFKA_PARTITIONS]
        if json:
            self.stdout.write(_as_json(prepared, collection=collection, dry_run=dry_run, ok=not wrong))
        else:
            self.stdout.write("\n".join(_as_text(prepared, collection=collection, dry_run=dry_run)))
        for topic in wrong:
            self.stderr.write(
                f"Topic {topic.topic} has {topic.partitions} partitions, DATAFLOW_KAFKA_PARTITIONS says"
                f" {settings.DATAFLOW_KAFKA_PARTITIONS}. Changing it would break the order per source:"
                " set DATAFLOW_KAFKA_PARTITIONS to what the topic has."
            )
        if wrong:
            sys.exit(1)


def _prepare(*, dry_run: bool) -> tuple[list[PreparedTopic], bool]:
    """Give the topics, and whether the collection was missing."""
    documents = DocumentStore()
    try:
        return prepare_topics(dry_run=dry_run), documents.prepare(dry_run=dry_run)
    except (StoreUnavailable, NeedsOperator) as error:
        raise CommandError(str(error), returncode=2) from error
    finally:
        documents.close()


def _as_json(prepared: list[PreparedTopic], *, collection: bool, dry_run: bool, ok: bool) -> str:
    mongodb = {"database": settings.MONGO_DATABASE, "created": collection}
    shape = {"ok": ok, "dryRun": dry_run, "topics": [asdict(topic) for topic in prepared], "mongodb": mongodb}
    return json.dumps(shape, indent=2)


def _as_text(prepared: list[PreparedTopic], *, collection: bool, dry_run: bool) -> Iterator[str]:
    made = "would make" if dry_run else "made"
    for topic in prepared:
        yield f"{made if topic.created else 'found'} topic {topic.topic} with {topic.partitions} partitions"
    yield f"{made if collection else 'found'} the collection of MongoDB database {settings.MONGO_DATABASE}"
