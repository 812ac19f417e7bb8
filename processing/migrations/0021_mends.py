"""Keeps which job acted on a dead letter, and the id of the event that was sent instead; letters can be reopened."""

from __future__ import annotations

from django.db import migrations, models

KINDS = ["redriven", "edited", "failed", "stored", "parked", "discarded", "reopened"]


class Migration(migrations.Migration):
    dependencies = [("processing", "0020_failed_minutes")]

    operations = [
        migrations.AddField("deadletter", "sent_id", models.UUIDField(blank=True, null=True)),
        migrations.AddField("deadletteraction", "job", models.BigIntegerField(blank=True, null=True)),
        migrations.AlterField(
            "deadletteraction",
            "kind",
            models.CharField(choices=[(kind, kind.capitalize()) for kind in KINDS], max_length=10),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(
                    "deadletter",
                    models.Index(
                        condition=models.Q(("sent_id__isnull", False)), fields=["sent_id"], name="dead_letter_by_sent_id"
                    ),
                ),
                migrations.AddIndex(
                    "deadletteraction",
                    models.Index(
                        condition=models.Q(("job__isnull", False)), fields=["job"], name="dead_letter_action_by_job"
                    ),
                ),
            ]
        ),
    ]
