"""People with roles, and their browsers."""

from __future__ import annotations

from uuid import uuid4

from django.contrib.auth.models import Group, User
from django.test import Client

PASSWORD = "correct horse battery"


def person(*roles: str) -> User:
    """Create an account in the groups of these roles."""
    made = User.objects.create_user(f"person-{uuid4().hex[:8]}", password=PASSWORD)
    made.groups.set(Group.objects.filter(name__in=roles))
    return made


def signed_in(user: User) -> Client:
    """Return a browser in which someone is signed in."""
    client = Client()
    client.force_login(user)
    return client
