"""Refuses text that PostgreSQL can't hold, before any page, address of the API or admin reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils.deprecation import MiddlewareMixin

from ingestion.problems import Code, FieldError
from queries import errors
from queries.request.json_body import is_storable

UNSTORABLE = "expected text without a NUL or half a surrogate pair, which no store can hold"
# The admin takes its value for the name of a field; any other wrong name is Django's own 400.
FIELD_NAME = "_to_field"
_NAME = re.compile(r"[a-z_]{1,30}")


class StorableText(MiddlewareMixin):
    """Answers 404 for a path, and 400 for a query or a form, with such text. JSON bodies: queries.request.json_body."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """Check path and query.

        :raises Http404: the path is not storable
        """
        if not is_storable(request.path):
            raise Http404
        if request.encoding:
            # Another charset of a multipart form makes any text of it, or is not one of text at all.
            request.encoding = "utf-8"
        if request.GET.get(FIELD_NAME) == "":
            return _refusal(request, "expected the name of a field", name=FIELD_NAME)
        return _check(request, request.GET)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], _args: tuple[Any, ...], _kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Check a form. A view that needs no CSRF token takes none."""
        return None if getattr(view, "csrf_exempt", False) else _check(request, request.POST)


def _check(request: HttpRequest, given: QueryDict) -> HttpResponse | None:
    wrong = (name for name, values in given.lists() if not all(map(is_storable, (name, *values))))
    name = next(wrong, None)
    return None if name is None else _refusal(request, UNSTORABLE, name=name)


def _refusal(request: HttpRequest, detail: str, *, name: str) -> HttpResponse:
    # Another name is the sender's text, so it is not repeated.
    is_plain = _NAME.fullmatch(name) is not None
    pointer = f"?{name}" if is_plain else "?"
    detail = f"{name if is_plain else 'a parameter'}: {detail}"
    wrong: FieldError = {"pointer": pointer, "code": Code.INVALID_PARAMETER, "detail": detail}
    return errors.answer(Code.INVALID_PARAMETER, detail, path=request.path, errors=[wrong])
