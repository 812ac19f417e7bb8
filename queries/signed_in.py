"""The user who is signed in, for views of Django REST framework too, which takes `user` of a request for itself."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest
from rest_framework.request import Request

_ATTRIBUTE = "dataflow_person"  # of a request


def note(request: HttpRequest) -> None:
    """Store the user of a request that has a session, before anyone takes the place of `user`."""
    setattr(request, _ATTRIBUTE, request.user)


def person(request: HttpRequest | Request) -> AbstractUser | None:
    """Return the user who is signed in; None: nobody is, the request has a key, or needs none."""
    found: AbstractUser | None = getattr(request, _ATTRIBUTE, None)
    return found if found is not None and found.is_active else None
