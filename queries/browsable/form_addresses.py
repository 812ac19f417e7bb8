"""Puts the address right that a browser makes of a form: without what was left empty, with filters by their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict

from queries.browsable.forms import MARK, OPERATOR, PATH, VALUE
from queries.request.field_filters import name_of

_PLACES = re.compile(r"/(api/|data/?$)")
_OWN = frozenset({MARK, PATH, OPERATOR, VALUE})


class FormAddresses:
    """Middleware that leads on from the address of a form. Forms so need no script."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "GET" and MARK in request.GET and _PLACES.match(request.path):
            return HttpResponseRedirect(f"{request.path}?{query(request.GET)}")
        return self._get_response(request)


def query(given: QueryDict) -> str:
    """Return the query that a form stands for."""
    plain = [(name, value) for name, values in given.lists() if name not in _OWN for value in _values(name, values)]
    rows = zip(given.getlist(PATH), given.getlist(OPERATOR), given.getlist(VALUE), strict=False)
    return urlencode([*plain, *((name_of(path.strip(), operator), value) for path, operator, value in rows if path)])


def _values(name: str, values: list[str]) -> list[str]:
    """Return what was typed; ids of sources are separated by commas or blanks, and repeated in the address."""
    found = [part for value in values for part in re.split(r"[,\s]+", value)] if name == "source_id" else values
    return [value.strip() for value in found if value.strip()]
