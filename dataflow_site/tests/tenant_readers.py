"""Every kind of reader of the site of two tenants, what they ask for, and how their answers are compared."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple, cast
from urllib.parse import parse_qsl, quote

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client

from dataflow_site.tests import routes, tenants
from dataflow_site.tests.access import READERS
from dataflow_site.tests.tenants import OTHERS, OWN, SECOND_OWN
from ingestion.auth import api_keys
from ingestion.models import GroupSources

ABSENT = "zulus-1"  # a source that nobody has; it has as many characters as `OTHERS`
OWN_PLACES = {"source_id": OWN, "event_id": str(tenants.OWN_EVENT), "number": str(tenants.OWN_LETTER)}
OTHERS_PLACES = {
    "source_id": OTHERS,
    "event_id": str(tenants.OTHERS_EVENT),
    "number": str(tenants.OTHERS_LETTER),
    "part": tenants.OTHERS_PART,
    "rule": "bravo",
}
NO_PLACES = {
    "source_id": ABSENT,
    "event_id": "dddddddd-8880-4000-8000-000000000001",
    "number": "8880111",
    "part": "zulus-part",
    "rule": "zulus",
}

# Each with the own source, the other tenant's and both, as a client spells it right or wrong.
SPELLINGS = (
    *("source_id={0}", "sourceId={0}", "source_id={1}", "sourceId={1}", "source_id={0}&source_id={1}"),
    *("source_id={1}&source_id={0}", "source_id={0}&sourceId={1}", "sourceId={0}&source_id={1}", "source_id="),
    *("source_id={0},{1}", "source_id[]={0}", "SOURCE_ID={0}", "sourceid={0}", "source={0}", "source-id={0}"),
    *(
        "format=api",
        "format=json&source_id={0}",
        "source_id={0}%00{1}",
        "SourceId={0}&source_id={1}",
        "source__id={0}",
        "source_id__in={1}",
        "_source_id={0}",
    ),
    *(
        "source_id={1}*",
        "source_id={0}&source_id={1}*",
        "source_id={0}*&source_id={1}",
        "source_id=*",
        "-source_id={1}",
    ),
)

# A reader of some sources is one by their ids and, with this in its name, one by a pattern for them.
BY_PATTERN = " by pattern"
BOUND = tuple(name for name in READERS if "some sources" in name)
TENANT = (*BOUND, *(name + BY_PATTERN for name in BOUND))
NOT_YET = "The servers have not answered yet."
# For tests that ask thousands of questions: each kind of reader once, with ids or with a pattern.
USER = "user, some sources"
FEW = (
    "key: read, some sources by pattern",
    "key: admin, some sources",
    USER,
    "staff, some sources by pattern",
)
EVERYONE = (*READERS, *(name + BY_PATTERN for name in BOUND))

# What a source, an event and so on of the other tenant is called, and one that nobody has: each of the same length.
PAIRS = (
    *((OTHERS_PLACES[name], NO_PLACES[name]) for name in OTHERS_PLACES),
    *(("bravo-*", "zulus-*"), ("bravo", "zulus"), ("bravo.power", "zulus.power"), ("bravo" * 5, "zulus" * 5)),
)
BODY = {"note": "n", "dryRun": True, "filter": {}}  # of a POST
# Headers that differ between any two requests, or follow from the length of what was asked for.
_HEADERS = {"X-Request-Id", "Date", "Expires", "Server-Timing", "ETag", "X-Cache", "Set-Cookie", "Content-Length"}
_QUOTE = '(?:"|&quot;)'
_PASSING = re.compile(
    # Members of JSON, also where a page shows it.
    rf"{_QUOTE}(?:requestId|now|at|time|seconds|lagAgeSeconds|latencyMs|perSecond|minutes|failedMinutes){_QUOTE}: ?(?:\[[^\]]*\]|[^,}}\]\s]+)"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?"
    # The name of an exported file.
    r"|\bevents-\d{8}T\d{6}Z"
    r'|(?<=name="csrfmiddlewaretoken" value=")\w+'
    r'|(?<="csrfToken": ")\w+'
    r"|<b>(?:X-Cache|ETag|Server-Timing):</b>.*"
    r"|\b[\d.]+ ms\b"  # how long a server took
    # Columns of charts that end with the running minute.
    rf"|{_QUOTE}(?:avg|min|max|count|before){_QUOTE}: ?\[[^\]]*\]"
    # How long ago, how often, and the lines of charts that end now.
    r"|\b[\d.]+ (?:s|min|h|d) ago\b|(?<=>)now(?=</time>)|\b(?:Silent|Nothing) for [\d.]+ (?:s|min|h|d)\b"
    r'|(?<=<dd>)[\d.,]+ / s|(?<=data-title="Rate">)[\d.,]+|(?<= d=")[^"]*'
    r"|the nearest one is [\w/+-]+"  # of what is spelled like it
)


class Answer(NamedTuple):
    """What a reader got."""

    status: int
    text: str  # headers and body


def rarely(readers: Sequence[str], left: str) -> list[object]:
    """Return the readers for `parametrize`; the one that takes longest is left to `make thorough`."""
    return [pytest.param(name, marks=pytest.mark.thorough) if name == left else name for name in readers]


def column_of(reader: str) -> int:
    """Return the column of a reader in a row of the table."""
    return 1 + READERS.index(reader.removesuffix(BY_PATTERN))


def clients() -> dict[str, Client]:
    """Return a client of each kind; those of some sources are the first tenant's."""
    by_id, by_pattern = _group("by id", [OWN, SECOND_OWN]), _group("by pattern", ["alpha-*"])
    made: dict[str, Client] = {}
    for name in EVERYONE:
        kind, _, some = name.removesuffix(BY_PATTERN).removeprefix("key: ").partition(", ")
        pattern = name.endswith(BY_PATTERN)
        if name.startswith("key: "):
            sources = ([*by_pattern.patterns] if pattern else [*by_id.patterns]) if some else []
            _, token = api_keys.create(f"reader {len(made)}", [kind], sources=sources)
            made[name] = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})
            continue
        made[name] = Client(raise_request_exception=False)
        if name != "nobody":
            made[name].force_login(
                _user(f"person {len(made)}", kind, by_pattern if pattern else by_id, some=bool(some))
            )
    return made


def _group(name: str, patterns: list[str]) -> GroupSources:
    return GroupSources.objects.create(group=Group.objects.create(name=name), patterns=patterns)


def _user(name: str, kind: str, bound: GroupSources, *, some: bool) -> User:
    user = User.objects.create_user(name, is_staff=kind != "user", is_superuser=kind == "superuser")
    if kind == "staff":
        user.user_permissions.set(Permission.objects.all())
    if some or kind == "superuser":
        # A superuser sees everything in spite of it.
        user.groups.add(bound.group)
    return user


def filled(template: str, *places: Mapping[str, str]) -> str:
    """Return a path with these values, the later ones first."""
    values = {**routes.SAMPLES, "channel": "tail"}
    for each in places:
        values |= each
    return routes.fill(template, values)


def spelled(path: str, others: str = OTHERS) -> Iterator[str]:
    """Return addresses that name the own source, another one and both, in every way."""
    for form in SPELLINGS:
        yield f"{path}?{form.format(OWN, others)}"


def ask(client: Client, path: str, body: object = None) -> Answer:
    """GET a path, or POST to it if it takes nothing else."""
    answer: HttpResponseBase = client.get(path)
    if answer.status_code == 405 and path.startswith("/api/"):
        answer = client.post(path, json.dumps(body or BODY), content_type="application/json")
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return Answer(answer.status_code, f"{head}\n\n{_content(answer).decode(errors='replace')}")


def ask_known(client: Client, path: str) -> Answer:
    """GET a path until its status line is known: on a busy machine the servers may need longer than a page waits for it."""
    for _ in range(20):
        answer = ask(client, path)
        if NOT_YET not in answer.text:
            break
        time.sleep(0.5)
    return answer


def _content(answer: HttpResponseBase) -> bytes:
    if not isinstance(answer, StreamingHttpResponse):
        assert isinstance(answer, HttpResponse)
        return answer.content
    if answer.is_async:
        return async_to_sync(_whole)(cast("AsyncIterator[bytes]", answer.streaming_content))
    return b"".join(cast("Iterator[bytes]", answer.streaming_content))


async def _whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def without_echo(text: str, path: str) -> str:
    """Leave out the address that was asked for, with its values, also where a page's forms and links repeat them."""
    parts = [path, path.replace("&", "&amp;"), quote(path, safe=""), quote(path, safe="/"), path.partition("?")[0]]
    for name, value in parse_qsl(path.partition("?")[2]):
        parts += [
            f">{escape(value)}<",
            f'value="{escape(value)}"',
            f"{name}={value}",
            f"{name}={quote(value, safe='')}",
            # In a twin, at a checkbox, and in what scripts read.
            f'"{name}":"{value}"',
            f"> {escape(value)}<",
            *(f'data-{kind}="{escape(value)}"' for kind in ("title", "filter", "columns")),
        ]
        # Checkboxes of one name each make one list.
        parts += [f"columns={quote(value, safe='')}"] if name == "column" else []
        # Pages write `source_id` for `sourceId`.
        parts += [f"source_id={quote(value, safe='')}"] if name == "sourceId" else []
    for part in sorted(set(parts), key=len, reverse=True):
        text = text.replace(part, "")
    return text


def comparable(answer: Answer, *names: str) -> str:
    """Return an answer without what differs between any two requests, and without the names that were asked for."""
    head, _, body = answer.text.partition("\n\n")
    lines = [line for line in head.splitlines() if line.partition(":")[0] not in _HEADERS]
    text = "\n".join([str(answer.status), *lines, "", body])
    for name in names:
        text = text.replace(name, "asked-for")
    return _PASSING.sub("passing", text)
