"""Views and the scope of their reader: what forgets it is closed to keys for some sources."""

from __future__ import annotations

import json

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework.views import APIView

from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.problems import RequestRejected
from queries import scoped_views
from queries.authentication import ReadAuthentication
from queries.scoped_views import ScopedView, scoped

SOME = ReadScope(frozenset({"a"}))


def forgetful(request: HttpRequest) -> HttpResponse:
    return HttpResponse("everything")


@scoped
def careful(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    return HttpResponse(str(sorted(scope.sources or ())))


def refusal(view: object, scope: ReadScope | None) -> HttpResponse | None:
    """Return what the middleware answers instead of the view."""
    request = RequestFactory().get("/new/?source_id=a")
    if scope is not None:
        scoped_views.admit(request, scope)
    assert callable(view)
    return ReadAuthentication(forgetful).process_view(request, view, (), {})


def test_a_view_that_does_not_take_the_scope_is_closed_to_keys_for_some_sources() -> None:
    for view in (forgetful, APIView.as_view()):
        refused = refusal(view, SOME)
        assert refused is not None
        assert (refused.status_code, json.loads(refused.content)["code"]) == (403, "source_not_allowed")
        assert refusal(view, EVERYTHING) is None


def test_a_view_is_closed_if_nothing_has_authenticated_its_reader() -> None:
    refused = refusal(forgetful, None)

    assert refused is not None
    assert refused.status_code == 403
    with pytest.raises(RequestRejected):
        careful(RequestFactory().get("/"))


def test_a_view_that_takes_the_scope_gets_that_of_its_reader() -> None:
    request = RequestFactory().get("/")
    scoped_views.admit(request, SOME)

    assert refusal(careful, SOME) is refusal(ScopedView.as_view(), SOME) is None
    assert careful(request).content == b"['a']"
