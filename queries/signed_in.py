"""The user who is signed in, for views of Django REST framework too, which takes `user` of a request for itself."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from rest_framework.request import Request

from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable

_ATTRIBUTE = "dataflow_person"  # of a request


def note(request: HttpRequest) -> None:
    """Store the user of a request that has a session, before anyone takes the place of `user`."""
    setattr(request, _ATTRIBUTE, request.user)


def note_if_known(request: HttpRequest) -> None:
    """Do the same where nobody has to sign in to read: who it is may stay unknown while PostgreSQL does not answer."""
    found = request.user

    def known() -> AbstractUser | AnonymousUser:
        try:
            with postgres.bounded():
                # Looks it up.
                return found if found.is_authenticated else AnonymousUser()
        except ReadUnavailable:
            return AnonymousUser()

    request.user = SimpleLazyObject(known)  # type: ignore[assignment]
    note(request)


def person(request: HttpRequest | Request) -> AbstractUser | None:
    """Return the user who is signed in; None: nobody is, the request has a key, or needs none."""
    found: AbstractUser | None = getattr(request, _ATTRIBUTE, None)
    return found if found is not None and found.is_active else None
