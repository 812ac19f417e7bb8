"""Rows that logic changed say so; that they have what it makes of their documents is proved by judging these again."""

from __future__ import annotations

from django.db import migrations

ADD = """
ALTER TABLE events ADD COLUMN payload_changed boolean;
UPDATE events SET payload_changed = true WHERE made_hash IS NOT NULL;
ALTER TABLE events DROP COLUMN made_hash;
"""
# The hashes do not come back: the release before reports rows that logic changed.
DROP = """
ALTER TABLE events ADD COLUMN made_hash bigint;
UPDATE events SET made_hash = 0 WHERE payload_changed;
ALTER TABLE events DROP COLUMN payload_changed;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("processing", "0016_logic"),
    ]

    operations = [
        migrations.RunSQL(ADD, reverse_sql=DROP),
    ]
