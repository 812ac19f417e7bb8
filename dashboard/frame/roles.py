"""The roles that a migration makes as groups, in words, and which of them a person has."""

from __future__ import annotations

from typing import TypedDict

from django.contrib.auth.models import Group, User

# What the groups of dataflow_site.migrations.0003_roles may do. Administrators may change the groups.
ROLES = {
    "viewer": "Sees events, sources, dead letters, the pipeline, logic and jobs. Changes nothing.",
    "operator": "Sees the same and raw documents. Mends, redrives and discards dead letters, resumes partitions, acknowledges "
    "incidents, starts and cancels jobs, changes logic, labels and units of sources.",
    "administrator": "Does the same, and manages accounts, groups and API keys.",
}


class Role(TypedDict):
    """A role in words."""

    name: str
    text: str
    held: bool


def told(person: User | None) -> list[Role]:
    """Return the roles, and whether a person has each."""
    held = set(person.groups.values_list("name", flat=True)) if person is not None else set()
    return [{"name": name, "text": text, "held": name in held} for name, text in ROLES.items()]


def granting(permission: str) -> list[str]:
    """Return the names of the groups that grant a permission, such as `processing.change_deadletter`."""
    app, _, codename = permission.partition(".")
    found = Group.objects.filter(permissions__content_type__app_label=app, permissions__codename=codename)
    return sorted(found.values_list("name", flat=True).distinct())
