"""Which sources the people who sign in may see: operators everything, the users of groups what their groups name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Permission, User
from django.db.models import Q

from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.models import GroupSources
from ingestion.problems import RequestRejected
from queries.reads import pattern_scopes, postgres

NOTHING = ReadScope(frozenset())


def scope_of(user: AbstractBaseUser | AnonymousUser) -> ReadScope:
    """Return what a user who is signed in may see.

    A superuser sees everything. Another user sees the sources that the groups with sources name, together; without such
    a group, staff and whoever may view events (each role may) see everything, and others nothing. Not cached, so a change
    holds from the next request on.

    :raises RequestRejected: the patterns of the groups stand for too many sources
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    if not isinstance(user, User) or not user.is_active:
        return NOTHING
    if user.is_superuser:
        return EVERYTHING
    with postgres.bounded():
        named, whole = _named([user.pk]).get(user.pk), _unbound([user.pk])
    return _scope(user, named, whole)


def scopes_of(users: Collection[int]) -> dict[int, ReadScope]:
    """Return what each of these users may see, by primary key; those who are not active are left out.

    Takes three queries, and one for each distinct set of patterns that `pattern_scopes` has not found just now. A user whose
    groups stand for too many sources sees none.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        found = list(User.objects.filter(pk__in=users, is_active=True))
        named, whole = _named(users), _unbound(users)
    return {user.pk: _scope_or_nothing(user, named.get(user.pk), whole) for user in found}


def _scope_or_nothing(user: User, named: set[str] | None, whole: set[int]) -> ReadScope:
    try:
        return _scope(user, named, whole)
    except RequestRejected:
        return NOTHING


def _scope(user: User, named: set[str] | None, whole: set[int]) -> ReadScope:
    if user.is_superuser:
        return EVERYTHING
    if named is None:
        return EVERYTHING if user.is_staff or user.pk in whole else NOTHING
    return pattern_scopes.find(named)


def _unbound(users: Collection[int]) -> set[int]:
    """Return which users see every source unless a group names some: those with the role of a viewer, or more."""
    granted = Permission.objects.filter(content_type__app_label="processing", codename="view_event")
    held = Q(groups__permissions__in=granted) | Q(user_permissions__in=granted)
    return set(User.objects.filter(held, pk__in=users).values_list("pk", flat=True))


def _named(users: Collection[int]) -> dict[int, set[str]]:
    """Return the patterns of each user's groups; users without a group that has some are left out."""
    found: dict[int, set[str]] = defaultdict(set)
    rows = GroupSources.objects.filter(group__user__in=users).values_list("group__user", "patterns")
    for user, patterns in rows:
        found[user].update(patterns)
    return found
