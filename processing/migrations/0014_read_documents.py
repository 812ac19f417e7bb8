"""A permission for users to read raw documents."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("processing", "0013_change_marks")]
    operations = [
        migrations.AlterModelOptions(
            name="event",
            options={"managed": False, "permissions": [("read_documents", "Can read raw documents")]},
        )
    ]
