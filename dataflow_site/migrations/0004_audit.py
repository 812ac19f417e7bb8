"""Lets administrators read the log of what was done in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_ROLE = "administrator"


def grant(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give the role the permission, unless somebody deleted the role."""
    # Otherwise it would be made after the last migration only.
    config = apps.get_app_config("admin")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None
    permission = apps.get_model("auth", "Permission").objects.get(
        content_type__app_label="admin", codename="view_logentry"
    )
    for role in apps.get_model("auth", "Group").objects.filter(name=_ROLE):
        role.permissions.add(permission)


def keep(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Leave the permission, which an older release has no page for."""


class Migration(migrations.Migration):
    dependencies = [("dataflow_site", "0003_roles"), ("admin", "0003_logentry_add_action_flag_choices")]

    operations = [migrations.RunPython(grant, keep)]
