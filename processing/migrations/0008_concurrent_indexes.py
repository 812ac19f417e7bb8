"""The indexes of 0003 on tables that grow, made without a lock on them."""

from __future__ import annotations

from django.db import migrations

from processing.migration_steps import CreateIndexConcurrently


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY can't run in a transaction
    dependencies = [("processing", "0007_rollup_budget")]
    operations = [
        CreateIndexConcurrently("dead_letter", "dead_letter_by_reason", "reason, id DESC"),
        CreateIndexConcurrently("dead_letter", "dead_letter_by_source", "source_id, id DESC"),
        CreateIndexConcurrently("dead_letter", "dead_letter_by_fingerprint", "fingerprint, id DESC"),
        CreateIndexConcurrently("dead_letter", "dead_letter_by_event", "event_id"),
        CreateIndexConcurrently("ledger_minute", "ledger_by_minute", "minute, source_id"),
    ]
