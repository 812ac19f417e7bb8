"""How a page and an action are declared, and the addresses of a page: as HTML, and as JSON with the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import update_wrapper
from typing import Concatenate, ParamSpec

import msgspec
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from ingestion.auth.read_scope import ReadScope
from queries.reads import postgres
from queries.request import query_params
from queries.scoped_views import scoped

P = ParamSpec("P")
Handler = Callable[..., HttpResponse]
# The overview, whose address has no name of its own.
_ROOT = "overview"


class NotPermitted(PermissionDenied):
    """The person may not do this. The page that answers it names the roles that may."""

    def __init__(self, permission: str) -> None:
        super().__init__(permission)
        self.permission = permission


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows."""

    data: Mapping[str, object]  # made of JSON's types: the page's twin `.json`, and variables of its template
    extra: Mapping[str, object] = field(default_factory=dict)  # further variables of the template
    status: int = 200


def page(
    template: str, *, here: str, parameters: Sequence[str] | None = None
) -> Callable[[Callable[Concatenate[HttpRequest, ReadScope, P], Shown | HttpResponse]], Handler]:
    """Declare a page: it is read with GET, never cached, and gets its reader's scope.

    :param here: the page of the navigation that it belongs to
    :param parameters: those of its address. Of others the page says that they are left out, and its twin answers 404.
        None: the view checks them
    """

    def declare(view: Callable[Concatenate[HttpRequest, ReadScope, P], Shown | HttpResponse]) -> Handler:
        def answer(request: HttpRequest, scope: ReadScope, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            twin = kwargs.pop("twin", False)
            left_out = _unknown(request, parameters)
            if twin and left_out:
                raise Http404(left_out)
            shown = view(request, scope, *args, **kwargs)
            if isinstance(shown, HttpResponse):
                return shown
            if twin:
                return HttpResponse(msgspec.json.encode(shown.data), "application/json", shown.status)
            context = {**shown.data, **shown.extra, "here": here, "now": datetime.now(tz=UTC), "left_out": left_out}
            return render(request, template, context, status=shown.status)

        update_wrapper(answer, view)
        return require_safe(never_cache(scoped(answer)))

    return declare


def _unknown(request: HttpRequest, known: Sequence[str] | None) -> str:
    """Return what is said of a parameter that the page does not have; empty: there is none."""
    found = [] if known is None else [name for name in request.GET if name not in known]
    return query_params.unknown(found[0], known or ()) if found else ""


def action(
    permission: str,
) -> Callable[[Callable[Concatenate[HttpRequest, ReadScope, P], HttpResponse]], Handler]:
    """Declare an action of a page: a POST by a person with a permission, who gets his scope.

    :raises NotPermitted: the person does not have it
    """

    def declare(view: Callable[Concatenate[HttpRequest, ReadScope, P], HttpResponse]) -> Handler:
        def act(request: HttpRequest, scope: ReadScope, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not may(request.user, permission):
                raise NotPermitted(permission)
            return view(request, scope, *args, **kwargs)

        update_wrapper(act, view)
        return require_POST(never_cache(scoped(act)))

    return declare


def may(user: User | AnonymousUser, permission: str) -> bool:
    """Return whether a person has a permission, such as `processing.change_deadletter`.

    :raises ReadUnavailable: PostgreSQL, which has sessions and permissions, does not answer
    """
    # Often the first that a request reads: a frozen server would hold it for ever.
    with postgres.bounded():
        return user.is_authenticated and user.has_perm(permission)


def page_paths(route: str, view: Handler, *, name: str) -> list[URLPattern]:
    """Return the routes of a page and of its twin, which has `.json` in place of the last slash."""
    twin = f"{route.rstrip('/') or _ROOT}.json"
    return [path(route, view, name=name), path(twin, view, {"twin": True}, name=f"{name}-json")]
