"""The format of an answer, by `format` or by Accept."""

from __future__ import annotations

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from queries.request.query_params import InvalidParameter, nearest


class ContentNegotiation(DefaultContentNegotiation):
    """Does as its base does, but for a `format` that an address does not have, which is a wrong parameter."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and the media type of an answer: by `format`, whatever Accept says, or else by Accept.

        :raises InvalidParameter: the address has no such `format`
        """
        asked = request.query_params.get("format")
        if asked is None:
            found: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
            return found
        [renderer] = self.filter_renderers(renderers, asked)
        return renderer, str(renderer.media_type)

    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[BaseRenderer]:  # noqa: A002 - the base's
        """Return the renderers of a format.

        :raises InvalidParameter: there is none
        """
        known = list(renderers)
        found = [renderer for renderer in known if renderer.format == format]
        if not found:
            raise InvalidParameter(
                "format", f"format: expected {nearest(format, [str(each.format) for each in known])}"
            )
        return found
