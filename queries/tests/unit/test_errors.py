"""Errors are application/problem+json, from every layer, and never a 5xx for a client's mistake."""

from __future__ import annotations

import itertools
from urllib.parse import quote

import pytest
from django.test import Client, override_settings

from queries.tests.stored import refused

# These are refused before any store is asked.
MISTAKES = [
    ("/data?limit=0", "limit"),
    ("/data?limit=1001", "limit"),
    ("/data?limit=-1", "limit"),
    ("/data?limit=1.5", "limit"),
    ("/data?limit=", "limit"),
    ("/data?limit=٣", "limit"),
    (f"/data?limit={'9' * 400}", "limit"),
    ("/data?limit=1&limit=2", "limit"),
    ("/api/data/?startTime=2025-01-01&start_time=2025-01-01", "start_time"),
    ("/data?offset=10001", "offset"),
    ("/data?offset=x", "offset"),
    ("/data?order=up", "order"),
    ("/data?cursor=", "cursor"),
    ("/data?cursor=%00", "cursor"),
    ("/data?source_id=", "source_id"),
    ("/data?source_id=a%00b", "source_id"),
    (f"/data?source_id={'a' * 129}", "source_id"),
    ("/data?start_time=yesterday", "start_time"),
    ("/data?end_time=2025-01-01T00:00:00", "end_time"),
    ("/data?start_time=2025-01-02&end_time=2025-01-01", "end_time"),
    ("/api/data/aggregate/?interval=2m", "interval"),
    ("/api/data/aggregate/?field=", "field"),
    ("/api/dead-letters/?state=lost", "state"),
    ("/api/dead-letters/?reason=bad", "reason"),
    ("/api/sources/?cursor=abc", "cursor"),
    ("/api/dead-letters/?cursor=abc", "cursor"),
]


@pytest.mark.parametrize(("address", "parameter"), MISTAKES)
def test_a_parameter_that_cannot_be_used_is_named(address: str, parameter: str) -> None:
    status, problem = refused(address)

    assert (status, problem["status"], problem["code"]) == (400, 400, "invalid_parameter")
    assert problem["errors"][0]["pointer"] == f"?{parameter}"
    assert problem["detail"].startswith(f"{parameter}: expected")
    assert problem["requestId"]


def test_an_offset_that_goes_too_far_points_to_the_cursor() -> None:
    _, problem = refused("/data?offset=10001")

    assert "cursor" in problem["detail"]


@pytest.mark.parametrize(
    ("sent", "nearest"),
    [("/data?sourceid=a", "source_id"), ("/data?limits=1", "limit"), ("/api/data/aggregate/?intervall=1h", "interval")],
)
def test_an_unknown_parameter_is_refused_with_the_nearest_one(sent: str, nearest: str) -> None:
    status, problem = refused(sent)

    assert (status, problem["code"]) == (400, "unknown_parameter")
    assert f"nearest one is {nearest} " in problem["detail"]


def test_what_was_sent_is_not_repeated() -> None:
    secret = "hunter2"

    for address in (
        f"/data?{secret}=1",
        f"/data?limit={secret}",
        f"/data?cursor={secret}",
        f"/api/sources/?{secret}=1",
    ):
        _, problem = refused(address)
        assert secret not in str(problem)


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize(
    "path",
    [
        "/api/nothing",
        "/api/events/not-a-uuid/",
        "/api/sources/%00/",
        f"/api/sources/{'a' * 200}/",
        "/api/dead-letters/abc/",
        "/nothing",
        "/datas",
        "/api/data/x",
    ],
)
def test_an_unknown_address_is_a_problem_with_debug_or_without(path: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        status, problem = refused(path)

    assert (status, problem["code"]) == (404, "not_found")


API = ["/data", "/api/data", "/api/pipeline/", "/api/"]
OTHERS = ["/healthz", "/readyz", "/metrics", "/live/tail/"]
METHODS = ["POST", "PUT", "DELETE", "PATCH", "TRACE"]


@pytest.mark.parametrize(
    ("path", "method"),
    [*itertools.product([*API, *OTHERS], METHODS), *itertools.product([*OTHERS, "/api/docs/"], ["OPTIONS"])],
)
def test_other_methods_are_refused_with_those_that_are_taken(path: str, method: str) -> None:
    response = Client(enforce_csrf_checks=True).generic(method, path, b"{}", content_type="application/json")

    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"
    assert response.headers["Allow"] == ("GET, HEAD, OPTIONS" if path in API else "GET, HEAD")


@pytest.mark.parametrize("path", [*API, "/api/sources/"])
@pytest.mark.parametrize(("accept", "status"), [("*/*", 200), ("application/json", 200), ("text/html", 406)])
def test_options_describes_an_address_of_the_api(path: str, accept: str, status: int) -> None:
    response = Client().options(path, headers={"accept": accept})

    assert response.status_code == status
    assert ("description" in response.json()) == (status == 200)


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("/data?format=jsom", "json"),
        ("/data?format=", "json"),
        ("/api/?format=apl", "api"),
        ("/api/schema/?format=yml", "yaml"),
    ],
)
def test_an_unknown_format_is_refused_with_the_nearest_one(path: str, nearest: str) -> None:
    status, problem = refused(path)

    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert problem["detail"].endswith(f"the nearest one is {nearest}")


def test_a_format_that_does_not_exist_is_refused() -> None:
    response = Client().get("/data", headers={"accept": "image/png"})

    assert response.status_code == 406
    assert response.json()["code"] == "not_acceptable"


def test_the_parameter_format_outweighs_accept() -> None:
    response = Client().get("/api/?format=json", headers={"accept": "text/html"})

    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")


def test_a_foreign_host_is_refused_in_json() -> None:
    response = Client(raise_request_exception=False).get("/data", headers={"host": "example.com"})

    assert response.status_code == 400
    assert response.json()["code"] == "bad_request"


def test_a_page_of_the_browsable_api_gets_errors_as_problems_too() -> None:
    response = Client().get(f"/api/data/?limit={quote('<script>')}", headers={"accept": "text/html"})

    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert b"script" not in response.content
