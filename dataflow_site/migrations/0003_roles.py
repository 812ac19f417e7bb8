"""Makes the roles viewer, operator and administrator, as groups whose permissions an administrator may change."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Q

_APPS = ("auth", "ingestion", "processing", "dataflow_site")
_OPERATOR = {
    "processing": {
        "read_documents",
        "change_deadletter",
        "change_job",
        "change_incident",
        "change_hold",
        "add_fieldindex",
        "delete_fieldindex",
        "change_logicrevision",
    },
    "ingestion": {"change_source", "change_failingsource"},
    "dataflow_site": {"open_admin"},
}
_ADMINISTRATORS_MODELS = {"auth": ("user", "group"), "ingestion": ("key", "groupsources", "source")}


def make(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the groups, or add the permissions to groups of these names."""
    for app in _APPS:
        # Otherwise they would be made after the last migration only.
        config = apps.get_app_config(app)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        config.models_module = None
    viewer = Q(content_type__app_label__in=["processing", "ingestion"], codename__startswith="view_") & ~Q(
        content_type__app_label="ingestion", codename__in=["view_key", "view_groupsources"]
    )
    operator = viewer
    for app, codenames in _OPERATOR.items():
        operator |= Q(content_type__app_label=app, codename__in=codenames)
    administrator = operator
    for app, models in _ADMINISTRATORS_MODELS.items():
        administrator |= Q(content_type__app_label=app, content_type__model__in=models)
    group, permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for name, granted in (("viewer", viewer), ("operator", operator), ("administrator", administrator)):
        role, _ = group.objects.get_or_create(name=name)
        role.permissions.add(*permission.objects.filter(granted))


def keep(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Leave the groups: people may be in them."""


class Migration(migrations.Migration):
    dependencies = [
        ("dataflow_site", "0002_open_admin"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("ingestion", "0006_group_sources"),
        ("processing", "0017_payload_changed"),
    ]

    operations = [migrations.RunPython(make, keep)]
