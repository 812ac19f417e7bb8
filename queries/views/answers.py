"""Responses with kept answers: their headers, and 304 for whoever has the same answer already."""

from __future__ import annotations

import hashlib
from http import HTTPStatus

import msgspec
from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags, quote_etag
from rest_framework.request import Request
from rest_framework.response import Response

from queries.json_renderer import escaped
from queries.reads.kept_answers import Answer
from queries.request import pagination

JSON = "application/json"


def respond(request: Request, answer: Answer, *, has_pages: bool = False) -> HttpResponse:
    """Return the response to a request that accepts JSON, or a page that shows the answer.

    :param has_pages: the answer is a page of a list; a header names those beside it
    """
    response = _response(request, answer)
    if has_pages and response.status_code != HTTPStatus.NOT_MODIFIED:
        for name, value in pagination.links(answer.body).items():
            response[name] = value
    response["X-Cache"] = answer.state
    # It may be kept by the reader alone, who has to ask whether it is still right.
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Accept", "Authorization", "X-API-Key", "Cookie"])
    return response


def _response(request: Request, answer: Answer) -> HttpResponse:
    if request.accepted_renderer.format != "json":
        return Response(msgspec.json.decode(answer.body))
    etag = quote_etag(hashlib.blake2b(answer.body, digest_size=16).hexdigest())
    # A proxy that compresses an answer makes its ETag a weak one.
    asked = [each.removeprefix("W/") for each in parse_etags(request.headers.get("If-None-Match", ""))]
    if asked == ["*"] or etag in asked:
        response = HttpResponse(status=HTTPStatus.NOT_MODIFIED)
    else:
        response = HttpResponse(escaped(answer.body), content_type=JSON)
    response["ETag"] = etag
    return response
