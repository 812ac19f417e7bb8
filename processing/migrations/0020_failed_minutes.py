"""An index of the ledger's minutes with dead letters, made without a lock on them."""

from __future__ import annotations

from django.db import migrations, models

from processing.migration_steps import CreateIndexConcurrently

_INDEX = models.Index(fields=["minute", "source_id"], name="ledger_failed", condition=models.Q(dead_lettered__gt=0))


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY can't run in a transaction
    dependencies = [("processing", "0019_job_log")]
    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.AddIndex("ledgerminute", _INDEX)]),
        CreateIndexConcurrently("ledger_minute", "ledger_failed", "minute, source_id", where="dead_lettered > 0"),
    ]
