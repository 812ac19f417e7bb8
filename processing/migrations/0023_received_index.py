"""Indexes the time of receipt of events, for the links of the ledger (queries.events.conditions).

A BRIN index has one entry for each 128 pages. Events are received in the order in which they are stored, also late ones, so it
finds them as well as a B-tree does, and costs an insert nothing that can be measured.
"""

from __future__ import annotations

from django.db import migrations

from processing.migration_steps import CreatePartitionedIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("processing", "0022_mend_indexes")]

    operations = [
        CreatePartitionedIndexConcurrently("events", "events_received", "brin (received) WITH (autosummarize)"),
    ]
