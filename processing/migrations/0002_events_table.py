"""The partitioned table of events; Django knows it as an unmanaged model."""

from __future__ import annotations

from django.db import migrations

CREATE = """
CREATE TABLE events (
    source_id text NOT NULL,
    ts timestamptz NOT NULL,
    id uuid NOT NULL,
    received timestamptz NOT NULL,
    stored timestamptz NOT NULL,
    payload jsonb NOT NULL,
    content_hash bigint NOT NULL,
    "offset" bigint NOT NULL,
    partition integer NOT NULL,
    line integer NOT NULL,
    topic_id smallint NOT NULL,
    tags text[],
    PRIMARY KEY (source_id, ts, id)
) PARTITION BY RANGE (ts);
-- For "newest events of all sources" and the time ranges of GET /data without a source.
CREATE INDEX events_ts ON events (ts);
CREATE TABLE events_before_2010 PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2010-01-01T00:00:00Z');
-- Rows that are updated in every batch stay on their page.
ALTER TABLE rollup_minute SET (fillfactor = 50);
ALTER TABLE rollup_hour SET (fillfactor = 50);
ALTER TABLE latest_value SET (fillfactor = 50);
ALTER TABLE source_statistics SET (fillfactor = 50);
ALTER TABLE ledger_minute SET (fillfactor = 50);
ALTER TABLE progress SET (fillfactor = 50);
"""


class Migration(migrations.Migration):
    dependencies = [("processing", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, reverse_sql="DROP TABLE events")]
