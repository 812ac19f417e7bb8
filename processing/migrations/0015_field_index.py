"""The indexes that operators declare on fields of payloads. Those of the partitions are made by jobs, not here."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

# On the way back. They depend on the function of migration 0011, and an older release does not make them for new
# partitions. Each lock is held to the end of the transaction, but to drop an index takes milliseconds.
_DROP = r"""
DO $$
DECLARE
    home oid := (SELECT relnamespace FROM pg_class WHERE oid = 'field_index'::regclass);
    name text;
BEGIN
    FOR name IN
        SELECT c.oid::regclass::text FROM pg_class AS c
        WHERE c.relkind = 'i' AND c.relnamespace = home AND c.relname ~ '^field_[0-9]+_'
    LOOP
        EXECUTE 'DROP INDEX ' || name;
    END LOOP;
    FOR name IN
        SELECT format('%I.%I', s.stxnamespace::regnamespace, s.stxname) FROM pg_statistic_ext AS s
        WHERE s.stxnamespace = home AND s.stxname ~ '^field_[0-9]+_'
    LOOP
        EXECUTE 'DROP STATISTICS ' || name;
    END LOOP;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("processing", "0014_read_documents")]
    operations = [
        migrations.CreateModel(
            name="FieldIndex",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("pattern", models.CharField(max_length=129)),
                ("field", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[("building", "Building"), ("ready", "Ready"), ("dropping", "Dropping")],
                        default="building",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("created_by", models.CharField(max_length=200)),
                (
                    "job",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to="processing.job"
                    ),
                ),
            ],
            options={
                "db_table": "field_index",
                "verbose_name_plural": "field indexes",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("pattern", "field"),
                        name="field_index_once",
                        violation_error_message="This index is declared already.",
                        violation_error_code="declared",
                    )
                ],
            },
        ),
        migrations.RunSQL(migrations.RunSQL.noop, reverse_sql=_DROP),
    ]
