"""The admin, which shows everything: it opens for staff, operators and administrators who may see everything."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.views.generic import RedirectView

from dashboard.frame.context import OPEN_ADMIN
from dataflow_site.access import admin_style
from dataflow_site.version import VERSION
from ingestion.problems import RequestRejected
from queries import user_scopes


class OperatorSite(AdminSite):
    """The pages of the admin do not filter by source, so whoever may see some sources alone gets none of them."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether a user may open the admin at all; what in it, says Django's permissions.

        :raises ReadUnavailable: PostgreSQL does not answer
        """
        user = request.user
        if not user.is_active or not (user.is_staff or user.has_perm(OPEN_ADMIN)):
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
        # Signing in and out, and passwords, are pages of the product.
        return [
            path("logout/", RedirectView.as_view(pattern_name="sign-in"), name="logout"),
            path("password_change/", RedirectView.as_view(pattern_name="password"), name="password_change"),
            path("style.css", self.admin_view(admin_style.style, cacheable=True), name="style"),
            *super().get_urls(),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        """Lead to the page to sign in, and from there to the one that was asked for."""
        wanted = request.GET.get(REDIRECT_FIELD_NAME)
        return HttpResponseRedirect(
            f"{reverse('sign-in')}?{urlencode({'next': wanted})}" if wanted else reverse("sign-in")
        )
