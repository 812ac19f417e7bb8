"""Which hours of which sources changed lately: readers compare it with what a cached answer was made of."""

from __future__ import annotations

from django.db import migrations, models

CREATE = """
ALTER TABLE change_mark ALTER COLUMN changed TYPE xid8 USING '0'::xid8, ALTER COLUMN changed SET DEFAULT pg_current_xact_id(),
    ALTER COLUMN marked SET DEFAULT now(), SET (fillfactor = 50);

-- A series that is new or gone changes answers about any time.
CREATE FUNCTION mark_series() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_mark (source_id, hour) VALUES (coalesce(NEW.source_id, OLD.source_id), '-infinity')
    ON CONFLICT (source_id, hour) DO UPDATE SET changed = excluded.changed, marked = excluded.marked;
    RETURN NULL;
END $$;
CREATE TRIGGER mark_series AFTER INSERT OR DELETE ON latest_value FOR EACH ROW EXECUTE FUNCTION mark_series();
-- What answers say of a source: that there is one, its labels, and whether its rollups have everything.
CREATE TRIGGER mark_registered AFTER INSERT OR DELETE ON source FOR EACH ROW EXECUTE FUNCTION mark_series();
CREATE TRIGGER mark_source AFTER INSERT OR DELETE ON source_statistics FOR EACH ROW EXECUTE FUNCTION mark_series();
CREATE TRIGGER mark_labels AFTER UPDATE OF labels ON source FOR EACH ROW WHEN (OLD.labels IS DISTINCT FROM NEW.labels)
    EXECUTE FUNCTION mark_series();
CREATE TRIGGER mark_cuts AFTER UPDATE OF fields_capped, rollups_cut_at ON source_statistics FOR EACH ROW
    WHEN ((OLD.fields_capped, OLD.rollups_cut_at IS NULL) IS DISTINCT FROM (NEW.fields_capped, NEW.rollups_cut_at IS NULL))
    EXECUTE FUNCTION mark_series();

-- Consumers and rebuilds, which insert, mark what they insert. Nothing that removes or changes rows can forget it.
CREATE FUNCTION mark_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_mark (source_id, hour)
    SELECT DISTINCT source_id, date_trunc('hour', ts, 'UTC') FROM removed ORDER BY 1, 2
    ON CONFLICT (source_id, hour) DO UPDATE SET changed = excluded.changed, marked = excluded.marked;
    RETURN NULL;
END $$;
CREATE TRIGGER mark_deleted AFTER DELETE ON events REFERENCING OLD TABLE AS removed FOR EACH STATEMENT
    EXECUTE FUNCTION mark_removed();
CREATE TRIGGER mark_updated AFTER UPDATE ON events REFERENCING OLD TABLE AS removed FOR EACH STATEMENT
    EXECUTE FUNCTION mark_removed();
"""
DROP = """
DROP TRIGGER mark_updated ON events;
DROP TRIGGER mark_deleted ON events;
DROP FUNCTION mark_removed();
DROP TRIGGER mark_cuts ON source_statistics;
DROP TRIGGER mark_labels ON source;
DROP TRIGGER mark_source ON source_statistics;
DROP TRIGGER mark_registered ON source;
DROP TRIGGER mark_series ON latest_value;
DROP FUNCTION mark_series();
"""


class Migration(migrations.Migration):
    dependencies = [("processing", "0012_read_views"), ("ingestion", "0004_key_use")]
    operations = [
        migrations.CreateModel(
            name="ChangeMark",
            fields=[
                ("pk", models.CompositePrimaryKey("source_id", "hour", blank=True, editable=False, primary_key=True, serialize=False)),
                ("source_id", models.TextField()),
                ("hour", models.DateTimeField()),
                ("changed", models.BigIntegerField()),
                ("marked", models.DateTimeField()),
            ],
            options={"db_table": "change_mark"},
        ),
        migrations.RunSQL(CREATE, reverse_sql=DROP),
    ]
