"""Keeps the last changes of who reads which partitions."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("processing", "0023_received_index")]

    operations = [
        migrations.CreateModel(
            name="ConsumerAssignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("member", models.CharField(max_length=200)),
                (
                    "partitions",
                    django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("joined", "Joined"), ("changed", "Changed"), ("left", "Left"), ("lost", "Lost")],
                        max_length=10,
                    ),
                ),
            ],
            options={"db_table": "consumer_assignment"},
        ),
    ]
