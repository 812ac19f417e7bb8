"""Renders an answer of the API as a page, for browsers and for `format=api`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.template import loader
from rest_framework.renderers import BaseRenderer

from queries.browsable import page


class PageRenderer(BaseRenderer):
    """Answers with a page, without scripts and in the product's look."""

    media_type = "text/html"
    format = "api"
    charset = "utf-8"

    def render(
        self,
        data: object,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the page of an answer."""
        about = renderer_context or {}
        request = about["request"]
        context = page.context(data, request=request, view=about["view"])
        return loader.render_to_string("queries/browse.html", context, request=request._request)  # noqa: SLF001 - Django's
