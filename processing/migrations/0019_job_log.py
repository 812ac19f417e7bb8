"""Keeps what happened to a job, and who acknowledged an incident."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("processing", "0017_payload_changed")]

    operations = [
        migrations.AddField("job", "log", models.JSONField(blank=True, db_default=[], default=list)),
        migrations.AddField("incident", "acknowledged_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "incident", "acknowledged_by", models.CharField(blank=True, db_default="", default="", max_length=200)
        ),
    ]
