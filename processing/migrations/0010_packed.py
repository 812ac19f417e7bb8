"""Rollups by day and the ledger by hour. What older releases stored is moved there by the job `pack`, not here."""

from __future__ import annotations

from django.db import migrations, models

_COUNTS = ("read", "stored", "duplicate", "dead_lettered", "dropped")

_PACKED = """
CREATE TABLE {} (
    source_id text NOT NULL,
    field text NOT NULL,
    day date NOT NULL,
    slot smallint[] NOT NULL,
    count bigint[],
    sum float8[],
    min float8[],
    max float8[],
    first float8[] NOT NULL,
    first_ts timestamptz[] NOT NULL,
    first_id uuid[] NOT NULL,
    last float8[],
    last_ts timestamptz[],
    last_id uuid[],
    PRIMARY KEY (source_id, field, day)
)
"""
_LEDGER = f"""
CREATE VIEW ledger AS
SELECT source_id, minute, partition, {", ".join(_COUNTS)}, 60 AS seconds FROM ledger_minute
UNION ALL
SELECT source_id, hour, partition, {", ".join(_COUNTS)}, 3600 FROM ledger_hour
"""  # noqa: S608 - constants only
# The ledger's counts can't be counted again. Rollups can: `manage.py rebuild_rows` does it for stale hours.
_UNFOLD = f"""
INSERT INTO ledger_minute AS l (source_id, minute, partition, {", ".join(_COUNTS)})
SELECT source_id, hour, partition, {", ".join(_COUNTS)} FROM ledger_hour ORDER BY source_id, hour, partition
ON CONFLICT (source_id, minute, partition) DO UPDATE
    SET {", ".join(f"{name} = l.{name} + excluded.{name}" for name in _COUNTS)};
DROP VIEW ledger
"""  # noqa: S608 - constants only
_MARK_STALE = """
INSERT INTO stale_hour (source_id, hour)
SELECT DISTINCT source_id, (day + h * interval '1 hour') AT TIME ZONE 'UTC' FROM rollup_hour_packed, unnest(slot) AS h
ORDER BY 1, 2 ON CONFLICT DO NOTHING;
DROP TABLE rollup_hour_packed
"""


class Migration(migrations.Migration):
    dependencies = [("processing", "0009_server_losses")]
    operations = [
        migrations.RunSQL(_PACKED.format("rollup_minute_packed"), reverse_sql="DROP TABLE rollup_minute_packed"),
        migrations.RunSQL(_PACKED.format("rollup_hour_packed"), reverse_sql=_MARK_STALE),
        migrations.CreateModel(
            name="LedgerHour",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source_id", "hour", "partition", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("source_id", models.TextField()),
                ("hour", models.DateTimeField()),
                ("partition", models.IntegerField()),
                *((name, models.BigIntegerField(default=0)) for name in _COUNTS),
            ],
            options={
                "db_table": "ledger_hour",
                "indexes": [models.Index(fields=["hour", "source_id"], name="ledger_by_hour")],
            },
        ),
        migrations.CreateModel(
            name="LedgerSpan",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source_id", "minute", "partition", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("source_id", models.TextField()),
                ("minute", models.DateTimeField()),
                ("partition", models.IntegerField()),
                *((name, models.BigIntegerField(default=0)) for name in _COUNTS),
                ("seconds", models.IntegerField()),
            ],
            options={"db_table": "ledger", "managed": False},
        ),
        migrations.RunSQL(_LEDGER, reverse_sql=_UNFOLD),
    ]
