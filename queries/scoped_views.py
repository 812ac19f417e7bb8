"""Gives each view the scope of its reader. A view that does not ask for it refuses keys for some sources."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code, RequestRejected
from queries.browsable.renderer import PageRenderer
from queries.json_renderer import FastJSONRenderer

P = ParamSpec("P")

_SCOPE = "dataflow_read_scope"  # attribute of a request
_MARK = "takes_read_scope"  # attribute of a view; decorators pass it on


def admit(request: HttpRequest, scope: ReadScope) -> None:
    """Store the scope of a request's reader. Only `queries.authentication` calls it."""
    setattr(request, _SCOPE, scope)


def scope_of(request: HttpRequest | Request) -> ReadScope:
    """Return the scope of a request's reader.

    :raises RequestRejected: nothing authenticated the request for reading
    """
    scope = getattr(request, _SCOPE, None)
    if not isinstance(scope, ReadScope):
        raise RequestRejected(Code.FORBIDDEN, "this is not allowed")
    return scope


def is_scoped(view: Callable[..., object]) -> bool:
    """Return whether a view takes the scope of its reader."""
    kind = getattr(view, "cls", None)  # set by `APIView.as_view`
    return getattr(view, _MARK, False) is True or (isinstance(kind, type) and issubclass(kind, ScopedView))


def scoped(
    view: Callable[Concatenate[HttpRequest, ReadScope, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Pass the scope of the reader to a view, after the request."""

    def with_scope(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        return view(request, scope_of(request), *args, **kwargs)

    update_wrapper(with_scope, view)
    setattr(with_scope, _MARK, True)
    return with_scope


class ApiView(APIView):
    """A view of Django REST framework. OPTIONS describes it in a few words, as JSON alone."""

    renderer_classes = [FastJSONRenderer, PageRenderer]

    def get_renderers(self) -> list[BaseRenderer]:
        """Return what an answer can be rendered by, the usual one first."""
        found = super().get_renderers()
        return found[:1] if self.request.method == "OPTIONS" else found


class ScopedView(ApiView):
    """A view of Django REST framework that reads within `scope`."""

    @property
    def scope(self) -> ReadScope:
        """Return the scope of the reader."""
        return scope_of(self.request)
