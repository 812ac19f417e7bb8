"""Compresses answers for clients that take gzip."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers

MIN_BYTES = 500  # a shorter answer fits into one packet anyway
_TEXT = re.compile(r"text/|application/(json|problem\+json|javascript|yaml)|image/svg")
_NEVER = "dataflow_never_compressed"  # attribute of a response


def never(response: HttpResponse) -> HttpResponse:
    """Mark an answer that shows a secret which stays the same: its compressed length would tell about it (BREACH)."""
    setattr(response, _NEVER, True)
    return response


class Compression(GZipMiddleware):
    """Compresses texts of some length.

    Beside `never`, Django's class adds random bytes to each answer and masks the token of forms anew in each, so what a page
    shows to whom is signed in can't be guessed by its length: https://www.breachattack.com
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress the answer to a request, unless it is a stream, short, or not to be compressed."""
        if not isinstance(response, HttpResponse) or not _TEXT.match(response.headers.get("Content-Type", "")):
            return response
        if getattr(response, _NEVER, False):
            return response
        if len(response.content) < MIN_BYTES:
            # The next answer from the same address may be longer.
            patch_vary_headers(response, ("Accept-Encoding",))
            return response
        return super().process_response(request, response)
