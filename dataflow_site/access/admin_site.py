"""The admin, which shows everything: it opens for staff who may see everything, and signs in everyone."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path, reverse

from dataflow_site.version import VERSION
from ingestion.problems import RequestRejected
from queries import user_scopes


class OperatorSite(AdminSite):
    """The pages of the admin do not filter by source, so whoever may see some sources alone gets none of them."""

    login_form = AuthenticationForm  # takes users who are not staff, too: they have the pages and the API

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether a user may open the admin at all; what in it, says Django's permissions.

        :raises ReadUnavailable: PostgreSQL does not answer
        """
        if not super().has_permission(request):
            return False
        try:
            return user_scopes.scope_of(request.user).whole
        except RequestRejected:
            return False

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the version, which strangers are not told."""
        shown = VERSION if self.has_permission(request) else ""
        return {**super().each_context(request), "product_version": shown}

    def get_urls(self) -> list[URLResolver | URLPattern]:
        # Whoever can sign in can sign out.
        return [path("logout/", self.logout, name="logout"), *super().get_urls()]

    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        """Sign in. Without another destination it leads to the overview, which everyone may open."""
        wanted = request.GET.get(REDIRECT_FIELD_NAME) or request.POST.get(REDIRECT_FIELD_NAME) or reverse("overview")
        return super().login(request, {**(extra_context or {}), REDIRECT_FIELD_NAME: wanted})
