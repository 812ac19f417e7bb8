"""The value of a payload's field as filters and declared indexes use it."""

from __future__ import annotations

from django.db import migrations

# SQL that PostgreSQL puts in place of each call. A btree index takes 2,704 bytes a value at most, so longer texts and whole
# objects have none: filters that could ask for one look at the payload itself (processing.stores.fields).
CREATE = """
CREATE FUNCTION field_value(payload jsonb, path text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE jsonb_typeof(payload #> path)
    WHEN 'string' THEN CASE WHEN octet_length(payload #>> path) <= 512 THEN payload #> path END
    WHEN 'object' THEN NULL
    WHEN 'array' THEN NULL
    ELSE payload #> path
END
$$;
COMMENT ON FUNCTION field_value IS 'The number, text (of 512 bytes at most), boolean or null at a path of a payload';
"""


class Migration(migrations.Migration):
    dependencies = [("processing", "0010_packed")]
    operations = [migrations.RunSQL(CREATE, reverse_sql="DROP FUNCTION field_value(jsonb, text[])")]
