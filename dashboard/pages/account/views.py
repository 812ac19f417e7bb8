"""The page of one's account: roles, sources, theme and time zone."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard.frame import came_from, preferences, roles
from ingestion.problems import RequestRejected
from queries import user_scopes

MANY_SOURCES = 20  # named; of more the number


@require_safe
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Who is signed in, what each role may do, and how pages are shown."""
    person = request.user if isinstance(request.user, User) and request.user.is_active else None
    shown = {
        "here": "account",
        "now": datetime.now(tz=UTC),
        "roles": roles.told(person),
        "sources": _sources(person),
        "themes": preferences.THEMES,
        "zones": preferences.zone_names(),
        "of_source": preferences.OF_SOURCE,
    }
    return render(request, "dashboard/account/account.html", shown)


@require_POST
@never_cache
def save_preferences(request: HttpRequest) -> HttpResponse:
    """Keep theme and time zone: in the browser, and with the account of whoever is signed in."""
    before = preferences.of_request(request)
    wanted = preferences.chosen(request.POST.get("theme", before.theme), request.POST.get("zone", before.zone))
    if isinstance(request.user, User):
        preferences.keep(request.user, wanted)
    messages.success(request, "Saved.")
    response = HttpResponseRedirect(came_from.page(request) or reverse("account"))
    preferences.set_cookie(response, wanted, secure=request.is_secure())
    return response


def _sources(person: User | None) -> str:
    """Return in words which sources a person sees."""
    if person is None:
        return ""
    try:
        scope = user_scopes.scope_of(person)
    except RequestRejected as refusal:
        return refusal.detail
    if scope.sources is None:
        return "all sources"
    if not scope.sources:
        return "no source: you are in no group that names some, or none of these has sent anything"
    named = sorted(scope.sources)
    more = f" and {len(named) - MANY_SOURCES:,} more" if len(named) > MANY_SOURCES else ""
    return ", ".join(named[:MANY_SOURCES]) + more
