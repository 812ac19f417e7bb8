"""Every address of the site with texts that no store holds and times at the edges of the calendar: never a 500."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.http.response import HttpResponseBase
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from dashboard.tests.rows import Rows
from dataflow_site.tests import routes
from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys

pytestmark = pytest.mark.services

NUL = "a%00b"
# Pages get the first three, all addresses of the API all of them.
EDGES = [
    *("9999-12-31T23:59:59-12:00", "9" * 30, "", "0001-01-01T00:00:00%2B12:00", "9999-12-31T23:59:59.999999Z"),
    *("9999-12-31", "0001-01-01T00:00:00Z", "0001-01-01", "-1", "%ED%A0%80", "%5Cud800", "%FF", "%F0%9F%98%80"),
]
FIELD = re.compile(r'name="([a-z_]+)"')


@dataclass(frozen=True, slots=True)
class Visitor:
    """A client and who it is."""

    name: str
    client: Client

    def visits(self, template: str) -> bool:
        """Return whether what is behind a path is this client's: others see a login page or a 401 there."""
        return template.startswith(
            {"operator": "/admin/", "key": "/api/"}.get(self.name, ("/live", "/sources", "/data"))
        )


@pytest.fixture(scope="module", params=["anyone", "operator", "key"])
def visitor(module_site: Deployment, request: pytest.FixtureRequest) -> Visitor:
    """Anyone, an operator of the admin, and an operator's key."""
    client = Client(raise_request_exception=False)
    if request.param == "operator":
        client.force_login(User.objects.create_superuser("operator", password=None))
    if request.param == "key":
        Rows(module_site.raw_topic).source(routes.SAMPLES["source_id"])
        _, token = api_keys.create("operator", ["admin", "read"])
        client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})
    return Visitor(request.param, client)


def wrong(answer: HttpResponseBase, *allowed: int) -> str:
    """Return what is wrong with an answer; '' if nothing is."""
    if answer.status_code in allowed or (not allowed and answer.status_code < 500):
        return ""
    return f"{answer.status_code} {(getattr(answer, 'exc_info', None) or ['', ''])[1]!r}"


def failures(visitor: Visitor, requests: Iterator[tuple[str, tuple[int, ...]]]) -> list[str]:
    """GET each path; return those whose answer has another status than it may have."""
    found = [(path, wrong(visitor.client.get(path), *allowed)) for path, allowed in requests]
    return [f"{path}: {what}" for path, what in found if what]


def test_a_path_or_a_query_with_a_nul_is_refused_everywhere(visitor: Visitor) -> None:
    def requests() -> Iterator[tuple[str, tuple[int, ...]]]:
        for template in routes.templates():
            path = routes.fill(template)
            # An address of the API may first refuse the client or the method.
            allowed = (400, 401, 405) if path.startswith("/api/") else (400,)
            yield f"{path}?{NUL}=1", allowed
            yield f"{path}?source_id={NUL}", allowed
            if routes.has_variables(template):
                yield routes.fill(template, NUL), (404,)

    assert failures(visitor, requests()) == []


def test_no_value_of_a_parameter_is_an_error_of_ours(visitor: Visitor) -> None:
    def requests() -> Iterator[tuple[str, tuple[int, ...]]]:
        for template in filter(visitor.visits, routes.templates()):
            path = routes.fill(template)
            # One by one in the API, which refuses the first wrong one; together in pages, which ignore it.
            known = routes.api_parameters(visitor.client, path)
            for text in EDGES if known else EDGES[:3]:
                yield from ((f"{path}?{name}={text}", ()) for name in known)
                yield f"{path}?" + "&".join(f"{name}={text}" for name in routes.PAGE_PARAMETERS), ()
                if routes.has_variables(template):
                    yield routes.fill(template, text), ()

    assert failures(visitor, requests()) == []


def test_a_form_with_a_nul_is_refused_everywhere(visitor: Visitor) -> None:
    found = {}
    for template in filter(visitor.visits, routes.templates()):
        path = routes.fill(template)
        fields = FIELD.findall(routes.text_of(visitor.client.get(path))) if path.startswith("/admin/") else []
        body = encode_multipart(BOUNDARY, dict.fromkeys([*fields, "note"], "a\0b"))
        # Neither is a charset of text, nor does a multipart form have one.
        for kind in (MULTIPART_CONTENT, f"{MULTIPART_CONTENT}; charset=hex"):
            answer = visitor.client.generic("POST", path, body, content_type=kind)
            if what := wrong(answer, *((400,) if path.startswith("/admin/") else ())):
                found[path, kind] = what

    assert found == {}


BODIES = [
    ({"note": "a\0b", "ids": [1]}, "/note"),
    ({"note": "n", "filter": {"text": "\0"}, "dryRun": True}, "/filter/text"),
    ({"note": "n", "filter": {"topic": "\0"}}, "/filter/topic"),
    ({"name": "\0", "scopes": ["ingest"]}, "/name"),
    ({"name": "n", "scopes": ["ingest"], "sources": ["a", "\0"]}, "/sources/1"),
]


@pytest.mark.parametrize("visitor", ["key"], indirect=True)
def test_a_json_body_with_a_nul_is_refused_with_its_place(visitor: Visitor) -> None:
    refused = set()
    for template in filter(visitor.visits, routes.templates()):
        for body, pointer in BODIES:
            answer = visitor.client.post(routes.fill(template), json.dumps(body), content_type="application/json")
            assert not wrong(answer), (template, body, wrong(answer))
            if answer.status_code == 400 and answer.json()["errors"]:
                refused |= {(pointer, found["pointer"]) for found in answer.json()["errors"]}

    assert {(pointer, pointer) for _, pointer in BODIES} <= refused


@pytest.mark.usefixtures("module_site")
def test_a_session_cookie_with_a_nul_is_no_session() -> None:
    client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = "\0" * 32

    assert client.get("/admin/").status_code == 302
