"""A scope of keys for raw documents; the column stays as it is."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models

SCOPES = [
    ("ingest", "send events"),
    ("read", "read events"),
    ("raw", "read raw documents"),
    ("admin", "manage keys, dead letters and partitions"),
]


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0004_key_use")]
    operations = [
        migrations.AlterField(
            model_name="key",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(choices=SCOPES, max_length=6), default=list, size=None
            ),
        )
    ]
