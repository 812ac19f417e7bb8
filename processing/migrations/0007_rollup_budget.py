"""Events that are stored, but not rolled up."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("processing", "0006_source_incidents")]
    operations = [
        migrations.AddField("sourcestatistics", "rollups_cut_at", models.DateTimeField(null=True)),
        # Nullable and without a default: no row is written, and rows that are rolled up take no more room.
        migrations.RunSQL(
            "ALTER TABLE events ADD COLUMN rollup_cut boolean",
            reverse_sql="ALTER TABLE events DROP COLUMN rollup_cut",
            state_operations=[migrations.AddField("event", "rollup_cut", models.BooleanField(null=True))],
        ),
    ]
