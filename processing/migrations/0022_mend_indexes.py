"""Makes the indexes of 0021_mends, without a lock that makes the consumer wait."""

from __future__ import annotations

from django.db import migrations

from processing.migration_steps import CreateIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("processing", "0021_mends")]

    operations = [
        CreateIndexConcurrently("dead_letter", "dead_letter_by_sent_id", "sent_id", "sent_id IS NOT NULL"),
        CreateIndexConcurrently("dead_letter_action", "dead_letter_action_by_job", "job", "job IS NOT NULL"),
    ]
