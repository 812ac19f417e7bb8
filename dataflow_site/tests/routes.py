"""Every address of the site, from the URL configuration, with texts in the places of its variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from django.contrib.admindocs.views import simplify_regex
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

from dashboard import urls

# A value of the right form for each variable; those of the admin are any text.
SAMPLES = {
    "event_id": "019625a1-0000-7000-8000-000000000001",
    "source_id": "sensor-1",
    "channel": "tail",
    "prefix": "0123abcd",
    "topic": "raw-data",
    "partition": "0",
    "number": "1",
    "part": "stations",
    "rule": "hot",
    "how": "cancel",
}
# Parameters of pages and of the admin; those of the API are in its own answers.
PAGE_PARAMETERS = [
    *(
        "id",
        "source_id",
        "cursor",
        "interval",
        "format",
        "q",
        "ids",
        "state",
        "reason",
        "source",
        "stage",
        "fingerprint",
    ),
    *("since", "o", "p", "all", "e", "_popup", "next", "_changelist_filters", "_to_field", "id__exact", "term"),
    *("username__startswith", "is_staff__exact", "app_label"),
    *("filter", "start", "end", "columns", "column", "order"),
]
_KNOWN = re.compile(r"\(all: ([^)]*)\)")
_VARIABLE = re.compile(r"<(\w+)>")
_CONVERTER = re.compile(r"<\w+:")


def templates() -> list[str]:
    """Return the path of every route, with `<name>` for each variable."""
    return sorted(set(_walk(get_resolver().url_patterns, "/")))


def pages() -> set[str]:
    """Return the paths of the pages for people, their twins and their actions."""
    return set(_walk(urls.urlpatterns, "/"))


def _walk(patterns: Iterable[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        own = str(pattern.pattern)
        if isinstance(pattern.pattern, RegexPattern):
            own = str(simplify_regex(own)).lstrip("/").replace("<var>", "processing")
        path = prefix + _CONVERTER.sub("<", own)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        else:
            yield path


def fill(template: str, values: Mapping[str, str] | str = SAMPLES) -> str:
    """Return a path with these values, by name, or with the same one everywhere."""
    return _VARIABLE.sub(lambda match: values if isinstance(values, str) else values.get(match[1], "1"), template)


def has_variables(template: str) -> bool:
    """Return whether a path has variables."""
    return _VARIABLE.search(template) is not None


def text_of(answer: HttpResponseBase) -> str:
    """Return the text of an answer; of a stream nothing."""
    return answer.content.decode(errors="replace") if isinstance(answer, HttpResponse) else ""


def api_parameters(client: Client, path: str) -> list[str]:
    """Return the parameters that an address of the API names to whoever sends an unknown one."""
    match = _KNOWN.search(text_of(client.get(f"{path}?unknown=1")))
    return match[1].split(", ") if match else []
