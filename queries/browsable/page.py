"""What a page of the browsable API shows: an answer, the form of its address, and where to go from there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from rest_framework.request import Request
from rest_framework.views import APIView

from queries import signed_in
from queries.browsable import forms
from queries.events import query as event_query
from queries.export import query as export_query
from queries.export.formats import FORMATS
from queries.openapi import document, kinds
from queries.openapi.describe import OPERATION
from queries.request.query_params import FILTER_PREFIX, InvalidParameter, snake_case

# Operations whose events can be exported, with the same parameters.
EXPORTED = ("getData", "listEvents")


def context(data: object, *, request: Request, view: APIView) -> dict[str, object]:
    """Return the context of the page that shows an answer."""
    handler = getattr(view, str(request.method).lower())
    operation = document.operation(getattr(handler, OPERATION))
    is_exported = operation["operationId"] in EXPORTED
    sent = _given(request)
    given = _with_list(sent) if is_exported else sent
    return {
        "here": "api",
        "user": signed_in.person(request),
        "name": view.get_view_name(),
        "operation": operation,
        "description": kinds.prose(operation["description"]),
        "address": _address(request.path, _without(sent, "format")),
        "as_json": _address(request.path, _with(sent, "format", "json")),
        "form": forms.of(operation["parameters"], given),
        "mark": forms.MARK,
        "answer": _linked(data, origin=request.build_absolute_uri("/")),
        "beside": [(title, data[name]) for name, title in _BESIDE if data.get(name)] if isinstance(data, dict) else [],
        "downloads": _downloads(given) if is_exported else [],
    }


def _given(request: Request) -> MultiValueDict[str, str]:
    """Return the parameters of a request, by the names that forms and exports have for them."""
    found: MultiValueDict[str, str] = MultiValueDict()
    for name, values in request.query_params.lists():
        known = name if name.startswith(FILTER_PREFIX) else snake_case(name)
        found.setlist(known, [*found.getlist(known), *values])
    return found


def _with_list(given: MultiValueDict[str, str]) -> MultiValueDict[str, str]:
    """Return the parameters with those that the cursor carries, which the address of a further page does not repeat."""
    cursors = given.getlist("cursor")
    try:
        carried = event_query.carried_by(cursors[0]) if cursors else {}
    except InvalidParameter:
        # The answer says so.
        carried = {}
    return MultiValueDict({**{name: list(values) for name, values in carried.items()}, **dict(given.lists())})


_BESIDE = (("previous", "Previous"), ("next", "Next"))


def _downloads(given: MultiValueDict[str, str]) -> list[tuple[str, str]]:
    """Return the addresses of exports of the same events, by the names of their formats."""
    names = [name for name in given if name in export_query.PARAMETERS or name.startswith(FILTER_PREFIX)]
    kept = {name: given.getlist(name) for name in names if name != "format"}
    return [(name, _address(reverse("queries:export"), {**kept, "format": [name]})) for name in FORMATS]


def _without(given: MultiValueDict[str, str], name: str) -> dict[str, list[str]]:
    return {each: values for each, values in given.lists() if each != name}


def _with(given: MultiValueDict[str, str], name: str, value: str) -> dict[str, list[str]]:
    return {**_without(given, name), name: [value]}


def _address(path: str, parameters: Mapping[str, list[str]]) -> str:
    return f"{path}?{urlencode(parameters, doseq=True)}" if parameters else path


def _linked(data: object, *, origin: str) -> SafeString:
    """Return an answer as JSON, with links for this site's own addresses: texts of senders are no links."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    # Of every two parts the second is an address.
    parts = re.split(rf'(?<=")({re.escape(origin)}[^"\\\s]*)(?=")', text)
    links = [
        format_html('<a href="{}">{}</a>', part, part) if number % 2 else part for number, part in enumerate(parts)
    ]
    return format_html_join("", "{}", ((link,) for link in links))
