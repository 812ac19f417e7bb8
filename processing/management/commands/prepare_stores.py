"""Makes what the product needs in Kafka and MongoDB; PostgreSQL has `manage.py migrate`."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from processing import topics
from processing.document_store import DocumentStore
from processing.failures import NeedsOperator, StoreUnavailable


class Command(BaseCommand):
    help = "Make the Kafka topics and the MongoDB collection. Safe to repeat; changes nothing that exists."

    def handle(self, **_options: object) -> None:
        """Make what is missing, and say what was found; exit 1 when the partitions are not as set."""
        documents = DocumentStore()
        try:
            prepared = topics.prepare()
            documents.prepare()
        except (StoreUnavailable, NeedsOperator) as error:
            raise CommandError(str(error)) from error
        finally:
            documents.close()
        for topic in prepared:
            verb = "made" if topic.created else "found"
            self.stdout.write(f"{verb} topic {topic.topic} with {topic.partitions} partitions")
            if topic.partitions != settings.DATAFLOW_KAFKA_PARTITIONS:
                raise CommandError(
                    f"Topic {topic.topic} has {topic.partitions} partitions, DATAFLOW_KAFKA_PARTITIONS says"
                    f" {settings.DATAFLOW_KAFKA_PARTITIONS}. Changing it would break the order per source:"
                    " set DATAFLOW_KAFKA_PARTITIONS to what the topic has."
                )
        self.stdout.write(f"MongoDB database {settings.MONGO_DATABASE} is ready")
