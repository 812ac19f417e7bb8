"""/api/sources/<id>/: how often each field of the newest events had each type."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from queries.sources import field_types
from queries.tests import many
from queries.tests.stored import NOON, account, get, make_event, store

pytestmark = pytest.mark.services

SECOND = timedelta(seconds=1)


def types_of(source_id: str = "sensor-1") -> dict[str, dict[str, tuple[int, float]]]:
    sample = get(f"/api/sources/{source_id}/")["types"]
    return {
        field["name"]: {each["type"]: (each["count"], each["percent"]) for each in field["types"]}
        for field in sample["fields"]
    }


@pytest.mark.usefixtures("site")
def test_one_text_among_a_thousand_numbers_is_a_tenth_of_a_percent() -> None:
    account("sensor-1")
    store(*(make_event(ts=NOON + number * SECOND, payload={"temperature": number / 7}) for number in range(999)))
    store(make_event(ts=NOON + 5 * SECOND, payload={"temperature": "21,5"}))
    # Older than the newest thousand.
    store(*(make_event(ts=NOON - SECOND, payload={"temperature": None, "old": 1}) for _ in range(20)))

    sample = get("/api/sources/sensor-1/")["types"]

    assert (sample["sampled"], sample["oldest"], sample["moreFields"]) == (1_000, "2009-04-11T12:00:00Z", False)
    assert sample["fields"] == [
        {
            "name": "temperature",
            "count": 1_000,
            "types": [
                {"type": "number", "count": 999, "percent": 99.9},
                {"type": "text", "count": 1, "percent": 0.1},
            ],
        }
    ]


@pytest.mark.usefixtures("site")
def test_the_shares_are_those_of_an_independent_count() -> None:
    account("sensor-1")
    chance = random.Random(5)
    values: list[object] = [1, 2.5, True, False, None, "a", [], [1, {"x": 1}], {}, {"inner": "b"}, {"in.ner": {"c": 0}}]
    payloads: list[dict[str, Any]] = [
        {name: chance.choice(values) for name in ("a", "b", "c") if chance.random() < 0.7} for _ in range(1_000)
    ]
    store(*(make_event(ts=NOON + number * SECOND, payload=payload) for number, payload in enumerate(payloads)))

    expected = counted_by_postgresql()

    found = types_of()
    assert {"a.in\\.ner.c", "b.inner", "c"} <= found.keys()
    assert {name: {kind: count for kind, (count, _) in kinds.items()} for name, kinds in found.items()} == expected
    for name, kinds in found.items():
        total = sum(expected[name].values())
        assert {kind: share for kind, (_, share) in kinds.items()} == {
            kind: round(count * 100 / total, 1) for kind, count in expected[name].items()
        }


def counted_by_postgresql() -> dict[str, dict[str, int]]:
    """Count the types of all rows with jsonb's own functions."""
    statement = """
    WITH RECURSIVE member (path, value) AS (
        SELECT ARRAY[m.key], m.value FROM events, jsonb_each(payload) AS m
        UNION ALL
        SELECT member.path || m.key, m.value FROM member, jsonb_each(
            CASE jsonb_typeof(member.value) WHEN 'object' THEN member.value ELSE '{}' END) AS m)
    SELECT path, jsonb_typeof(value), count(*) FROM member GROUP BY 1, 2
    """
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall()
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for path, kind, count in rows:
        name = ".".join(key.replace(".", "\\.") for key in path)
        found[name][{"string": "text"}.get(kind, kind)] = count
    return found


@pytest.mark.usefixtures("site")
def test_of_large_events_the_sample_is_smaller_and_says_so() -> None:
    account("sensor-1")
    text = "x" * 200_000
    store(*(make_event(ts=NOON + number * SECOND, payload={"text": text, "n": number}) for number in range(60)))

    sample = get("/api/sources/sensor-1/")["types"]

    assert sample["sampled"] == -(-field_types.MAX_CHARACTERS // len(json.dumps({"text": text, "n": 59})))
    assert {field["count"] for field in sample["fields"]} == {sample["sampled"]}


@pytest.mark.usefixtures("site")
def test_of_too_many_fields_the_most_frequent_are_listed() -> None:
    account("sensor-1")
    store(*(make_event(payload={"always": 1, **{f"once-{batch}-{n}": 1 for n in range(100)}}) for batch in range(9)))
    store(make_event(payload={"long" * 70: 1}))

    sample = get("/api/sources/sensor-1/")["types"]

    assert (len(sample["fields"]), sample["moreFields"]) == (field_types.MAX_FIELDS, True)
    assert Counter(field["count"] for field in sample["fields"]) == {9: 1, 1: field_types.MAX_FIELDS - 1}
    assert not [field for field in sample["fields"] if field["name"].startswith("long")]


@pytest.mark.usefixtures("site")
def test_a_source_without_events_has_an_empty_sample() -> None:
    account("sensor-1")
    store(make_event("sensor-2"))

    assert get("/api/sources/sensor-1/")["types"] == {"sampled": 0, "oldest": None, "moreFields": False, "fields": []}
    outside = field_types.read("sensor-2", scope=ReadScope(frozenset({"sensor-1"})))
    assert (outside["sampled"], field_types.read("sensor-2", scope=EVERYTHING)["sampled"]) == (0, 1)


def test_the_sample_is_read_by_the_key_of_its_source(module_site: Deployment) -> None:
    many.fill(60_000, sources=20)
    account("sensor-003")

    with CaptureQueriesContext(connection) as captured:
        assert get("/api/sources/sensor-003/")["types"]["sampled"] == 1_000

    [plan] = many.plans(captured)
    assert "Seq Scan on events" not in plan
    assert "events_2024_06" in plan
    # 500 events in each month.
    assert "events_2024_03" not in plan
