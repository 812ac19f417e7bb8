"""Indexes the admin's log by object, for the history on the page of one among millions of entries."""

from __future__ import annotations

from django.db import migrations

from processing.migration_steps import CreateIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("dataflow_site", "0004_audit")]

    operations = [
        CreateIndexConcurrently("django_admin_log", "admin_log_of_object", "object_id, content_type_id, action_time"),
    ]
