"""People with a role, signed in; some of them for some sources."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.test import Client

from ingestion.models import GroupSources


def person(name: str, *, role: str, sources: tuple[str, ...] = ()) -> Client:
    """Return a client of a new person.

    :param role: a group of dataflow_site.migrations.0003_roles
    :param sources: patterns; none: every source
    """
    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name=role))
    if sources:
        bound = Group.objects.create(name=f"sources of {name}")
        GroupSources.objects.create(group=bound, patterns=list(sources))
        user.groups.add(bound)
    client = Client()
    client.force_login(user)
    return client


def forget() -> None:
    """Remove all people, and their groups of sources."""
    User.objects.all().delete()
    Group.objects.filter(name__startswith="sources of ").delete()
