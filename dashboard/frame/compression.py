"""Compresses answers for clients that take gzip."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers

MIN_BYTES = 500  # a shorter answer fits into one packet anyway
_TEXT = re.compile(r"text/|application/(json|problem\+json|javascript|yaml)|image/svg")


class Compression(GZipMiddleware):
    """Compresses texts of some length, in answers to GET alone: a key is shown once, in the answer to a POST.

    The length of a compressed answer tells about a secret in it that is like what was asked for: https://www.breachattack.com.
    Other pages have no secret but the token of forms, which Django masks anew in each answer; and it adds random bytes.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress the answer to a request, unless it is a stream, short, or not to be compressed."""
        if not isinstance(response, HttpResponse) or not _TEXT.match(response.headers.get("Content-Type", "")):
            return response
        if request.method != "GET":
            return response
        if len(response.content) < MIN_BYTES:
            # The next answer from the same address may be longer.
            patch_vary_headers(response, ("Accept-Encoding",))
            return response
        return super().process_response(request, response)
