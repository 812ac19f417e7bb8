"""Filters on fields and tags that are refused, and with what sentence. Nothing is stored: one site does for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from queries.tests.stored import get, refused

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("module_site")]

WIDE = [
    ({"field.a": "1"}, "field"),
    ({"tag": "red"}, "tag"),
    ({"-tag": "red", "start_time": "2009-01-01T00:00:00Z"}, "tag"),
    ({"field.a": "1", "end_time": "2009-01-01T00:00:00Z"}, "field"),
    ({"field.a": "1", "start_time": "2009-01-01T00:00:00Z", "end_time": "2009-02-01T00:00:01Z"}, "field"),
]


@pytest.mark.parametrize(("given", "parameter"), WIDE)
def test_a_query_that_would_look_into_everything_is_told_the_nearest_that_is_allowed(
    given: dict[str, str], parameter: str
) -> None:
    status, problem = refused(f"/data?{urlencode(given)}")

    assert (status, problem["code"]) == (400, "query_too_wide")
    assert problem["errors"][0]["pointer"] == f"?{parameter}"
    advised = dict(part.split("=") for part in problem["detail"].rpartition(" ")[2].split("&"))
    assert get(f"/data?{urlencode(given | advised)}")["results"] == []
    assert get(f"/data?{urlencode(given | {'source_id': 'a'})}")["results"] == []


def test_a_recent_range_without_an_end_is_short_enough() -> None:
    now = datetime.now(tz=UTC)
    start, long_ago = ((now - timedelta(days=days)).isoformat() for days in (30.9, 31.1))

    assert get(f"/data?{urlencode({'field.a': 1, 'start_time': start})}")["results"] == []
    assert refused(f"/data?{urlencode({'field.a': 1, 'start_time': long_ago})}")[0] == 400


BAD = [
    ({"field.": "1"}, "field"), ({"field.a.": "1"}, "field"), ({"field..a": "1"}, "field"), ({"field.a[": "1"}, "field"),
    ({"field.a[like]": "1"}, "field"), ({"field.a[]": "1"}, "field"), ({"field.a[gt][lt]": "1"}, "field"),
    ({"field.a[exists]": "1"}, "field"), ({"field.a[gt]": "null"}, "field"), ({"field.a[lt]": "true"}, "field"),
    ({"field.a": '"open'}, "field"), ({"field.a": '"a" b'}, "field"), ({"field.a": '"\\ud800"'}, "field"),
    ({"field.a": '"\\u0000"'}, "field"), ({"field.a[in]": '"a"b'}, "field"), ({"field.a": "1e9999999"}, "field"),
    ({"field.a[contains]": ""}, "field"), ({"field." + "a" * 300: "1"}, "field"),
    ({"field.a[in]": ",".join(map(str, range(101)))}, "field"), ({"field.a": "x" * 4097}, "field"),
    ({f"field.a{n}": "1" for n in range(21)}, "field"), ({"tag": ""}, "tag"), ({"-tag": "x" * 4097}, "-tag"),
    ({"fields": ""}, "fields"), ({"fields": "a,,b"}, "fields"), ({"fields": "a..b"}, "fields"),
    ({"fields": ",".join(f"a{n}" for n in range(101))}, "fields"), ({"count": "yes"}, "count"), ({"source_id": "a*b"}, "source_id"),
    ({"source_id": ""}, "source_id"), ({"limit": "0"}, "limit"), ({"offset": "10001"}, "offset"),
    ({"start_time": "2009-05-01", "end_time": "2009-04-01"}, "end_time"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "parameter"), BAD)
def test_what_can_not_be_used_is_named_and_never_repeated(given: dict[str, str], parameter: str) -> None:
    address = f"/data?{urlencode({'source_id': 'a'} | given)}"
    status, problem = refused(address)

    assert status == 400
    assert problem["errors"][0]["pointer"] == f"?{parameter}"
    assert not any(len(value) > 5 and value in problem["detail"] for value in given.values())


@pytest.mark.parametrize("name", ["field.a\0", "tag\0", "field.a[eq\0]"])
def test_names_that_no_store_can_hold_are_refused(name: str) -> None:
    assert refused(f"/data?{urlencode({'source_id': 'a', name: '1'})}")[0] == 400
