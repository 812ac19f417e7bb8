"""The frame of every page as the template variable `frame`: where one can go, the state of the pipeline, who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.contrib.auth.models import AbstractUser, AnonymousUser, User
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from dashboard.frame import preferences, status
from dashboard.frame.preferences import Preferences
from dashboard.panels.status_line import StatusLine
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.problems import RequestRejected
from queries import scoped_views, signed_in, user_scopes
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable

# Name of the route, title, and the key that leads there after `g`.
PAGES = [
    ("overview", "Overview", "o"),
    ("events", "Events", "e"),
    ("sources", "Sources", "s"),
    ("dead-letters", "Dead letters", "d"),
    ("pipeline", "Pipeline", "p"),
    ("logic", "Logic", "l"),
    ("jobs", "Jobs", "j"),
    ("queries:docs", "Docs", "h"),
]
OPEN_ADMIN = "dataflow_site.open_admin"


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the navigation."""

    name: str
    title: str
    key: str
    address: str


class Frame:
    """The frame of one page. Each part is looked up where a template first asks for it."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def places(self) -> list[Place]:
        """The pages that exist."""
        return [place for name, title, key in PAGES if (place := _place(name, title, key))]

    @cached_property
    def preferences(self) -> Preferences:
        """How the reader wants to see the pages."""
        return preferences.of_request(self._request)

    @cached_property
    def status(self) -> StatusLine | None:
        """The state of the pipeline; None: the reader may see nothing of it, or it can't be known who reads."""
        scope = self._scope
        return None if scope is None else status.read(scope=scope)

    @cached_property
    def roles(self) -> list[str]:
        """The names of the groups of whoever is signed in."""
        user = self._user()
        if not isinstance(user, User):
            return []
        with postgres.bounded():
            return sorted(user.groups.values_list("name", flat=True))

    @cached_property
    def opens_admin(self) -> bool:
        """Whether to offer the admin: to those who may open it."""
        user = self._user()
        scope = self._scope
        if not isinstance(user, User) or scope is None or not scope.whole:
            return False
        with postgres.bounded():
            return user.is_staff or user.has_perm(OPEN_ADMIN)

    def _user(self) -> AbstractUser | AnonymousUser | None:
        # Pages of the API have one of Django REST framework in its place; a problem that was answered before has none.
        return signed_in.person(self._request) or getattr(self._request, "user", None)

    @cached_property
    def _scope(self) -> ReadScope | None:
        try:
            return scoped_views.scope_of(self._request)
        except RequestRejected:
            pass
        user = self._user()
        if user is None or not user.is_authenticated:
            return EVERYTHING if settings.DATAFLOW_OPEN_READ else None
        try:
            return user_scopes.scope_of(user)
        except (RequestRejected, ReadUnavailable):
            return None


def _place(name: str, title: str, key: str) -> Place | None:
    try:
        return Place(name, title, key, reverse(name))
    except NoReverseMatch:
        return None


def frame(request: HttpRequest) -> dict[str, Frame]:
    """Context processor of all templates."""
    return {"frame": Frame(request)}
