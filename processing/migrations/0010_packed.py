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
# What is stored and dead-lettered goes back to its minutes, where the recovery of the former release looks for it, and what
# is left of an hour to its first minute. Rollups can be counted again: `manage.py rebuild_rows` does it for stale hours.
_UNFOLD = f"""
LOCK TABLE ledger_minute, ledger_hour, rollup_minute_packed, rollup_hour_packed IN ACCESS EXCLUSIVE MODE;
CREATE TEMP TABLE unfolded ON COMMIT DROP AS
SELECT source_id, minute, partition, stored + dead_lettered AS read, stored, 0::bigint AS duplicate, dead_lettered,
    0::bigint AS dropped
FROM (
    -- Less what is counted by the minute already, as all is that was read after its hour was folded.
    SELECT c.source_id, c.minute, c.partition, c.stored - coalesce(l.stored, 0) AS stored,
        c.dead_lettered - coalesce(l.dead_lettered, 0) AS dead_lettered
    FROM (
        SELECT source_id, minute, partition, sum(stored)::bigint AS stored, sum(dead_lettered)::bigint AS dead_lettered
        FROM (
            SELECT source_id, date_trunc('minute', received) AS minute, partition, 1 AS stored, 0 AS dead_lettered
            FROM events
            UNION ALL SELECT source_id, date_trunc('minute', received), partition, 0, 1 FROM dead_letter) AS one
        GROUP BY 1, 2, 3) AS c
    JOIN ledger_hour AS h ON h.source_id = c.source_id AND h.hour = date_trunc('hour', c.minute, 'UTC')
        AND h.partition = c.partition
    LEFT JOIN ledger_minute AS l ON l.source_id = c.source_id AND l.minute = c.minute AND l.partition = c.partition
) AS found;
INSERT INTO unfolded
SELECT source_id, hour, partition, {", ".join(f"h.{name} - coalesce(sum(u.{name}), 0)" for name in _COUNTS)}
FROM ledger_hour AS h LEFT JOIN (
    SELECT source_id, date_trunc('hour', minute, 'UTC') AS hour, partition, {", ".join(_COUNTS)} FROM unfolded) AS u
    USING (source_id, hour, partition)
GROUP BY source_id, hour, partition, {", ".join(f"h.{name}" for name in _COUNTS)};
INSERT INTO ledger_minute AS l (source_id, minute, partition, {", ".join(_COUNTS)})
SELECT source_id, minute, partition, {", ".join(f"sum({name})" for name in _COUNTS)} FROM unfolded GROUP BY 1, 2, 3
ON CONFLICT (source_id, minute, partition) DO UPDATE
    SET {", ".join(f"{name} = l.{name} + excluded.{name}" for name in _COUNTS)};
DROP TABLE unfolded;
DROP VIEW ledger
"""  # noqa: S608 - constants only
_MARK_STALE = """
INSERT INTO stale_hour (source_id, hour)
SELECT DISTINCT source_id, (day + h * interval '1 hour') AT TIME ZONE 'UTC' FROM rollup_hour_packed, unnest(slot) AS h
ORDER BY 1, 2 ON CONFLICT DO NOTHING;
DROP TABLE rollup_hour_packed
"""


def _account(time: str) -> list[tuple[str, models.Field]]:
    """Return the fields of an account of a source, a partition and a time."""
    key = models.CompositePrimaryKey(
        "source_id", time, "partition", blank=True, editable=False, primary_key=True, serialize=False
    )
    return [
        ("pk", key),
        ("source_id", models.TextField()),
        (time, models.DateTimeField()),
        ("partition", models.IntegerField()),
        *((name, models.BigIntegerField(default=0)) for name in _COUNTS),
    ]


class Migration(migrations.Migration):
    dependencies = [("processing", "0009_server_losses")]
    operations = [
        migrations.RunSQL(_PACKED.format("rollup_minute_packed"), reverse_sql="DROP TABLE rollup_minute_packed"),
        migrations.RunSQL(_PACKED.format("rollup_hour_packed"), reverse_sql=_MARK_STALE),
        migrations.CreateModel(
            name="LedgerHour",
            fields=_account("hour"),
            options={
                "db_table": "ledger_hour",
                "indexes": [models.Index(fields=["hour", "source_id"], name="ledger_by_hour")],
            },
        ),
        migrations.CreateModel(
            name="LedgerSpan",
            fields=[*_account("minute"), ("seconds", models.IntegerField())],
            options={"db_table": "ledger", "managed": False},
        ),
        migrations.RunSQL(_LEDGER, reverse_sql=_UNFOLD),
    ]
