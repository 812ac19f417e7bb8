"""Which declared index serves a query, and that PostgreSQL uses it for the condition that is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection

from deploy.testing.deployment import Deployment
from processing.field_indexes import declaring
from processing.models import FieldIndex
from processing.stores import postgres
from processing.stores.fields import indexes, values
from processing.stores.fields.indexes import serving
from processing.tests import declared_indexes
from processing.tests.declared_indexes import add

pytestmark = pytest.mark.services

MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4)]
ROWS = 30_000  # in each month


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    for start in MONTHS:
        declared_indexes.fill(start, count=ROWS)
    with postgres.connect() as owner:
        owner.execute("VACUUM ANALYZE events")
    return module_site


@pytest.fixture(autouse=True)
def _none_declared(site: Deployment) -> Iterator[None]:
    yield
    for row in FieldIndex.objects.all():
        declared_indexes.drop(row.pattern, row.field)
    indexes.forget()


def some(*sources: str) -> frozenset[str]:
    return frozenset(sources)


def test_an_index_serves_the_sources_of_its_pattern_and_its_field_alone() -> None:
    add("plant-*", "level")

    condition = "starts_with(source_id, 'plant-')"
    assert serving(["level"], sources=some("plant-1", "plant-2")) == condition
    assert serving(["level"], sources=some("plant-1", "other-1")) is None
    assert serving(["level"], sources=None) is None
    assert serving(["device", "level"], sources=some("plant-1")) is None
    assert serving(["device"], sources=some("plant-1")) is None


def test_the_narrowest_pattern_is_chosen() -> None:
    for pattern in ("*", "plant-*", "plant-1*", "plant-1"):
        add(pattern, "level")

    found = [
        serving(["level"], sources=sources) for sources in (some("plant-1"), some("plant-12"), some("plant-2"), None)
    ]

    assert found == [
        "source_id = 'plant-1'",
        "starts_with(source_id, 'plant-1')",
        "starts_with(source_id, 'plant-')",
        "true",
    ]


def test_an_index_serves_from_when_it_is_ready_until_it_is_to_be_dropped() -> None:
    job = declaring.add("*", "level", who="ann", worker="tests")
    while (row := FieldIndex.objects.get()).state == FieldIndex.State.BUILDING:
        assert serving(["level"], sources=None) is None
        declared_indexes.STEPS[job.kind](job)
    assert row.state == FieldIndex.State.READY
    declared_indexes.run(job)
    assert serving(["level"], sources=None) == "true"

    dropping = declaring.drop("*", "level", who="ann", worker="tests")

    assert serving(["level"], sources=None) is None
    declared_indexes.run(dropping)


def test_an_index_that_lacks_a_partition_serves_nothing() -> None:
    add("*", "level")
    with postgres.connect() as other:
        other.execute(f"DROP INDEX field_{FieldIndex.objects.get().pk}_events_2026_04")
    indexes.forget()

    assert serving(["level"], sources=None) is None


def test_what_is_ready_is_read_once_in_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert serving(["level"], sources=None) is None
    # As another process does.
    monkeypatch.setattr(indexes, "forget", lambda: None)
    add("*", "level")
    assert serving(["level"], sources=None) is None

    monkeypatch.setattr(indexes, "FRESH", 0.0)

    assert serving(["level"], sources=None) == "true"


LEVEL = values.expression(["level"])
NAME = values.expression(["device", "name"])


@pytest.mark.parametrize(
    ("pattern", "field", "sources", "condition", "rows"),
    [
        ("plant-*", "level", some("plant-2"), f"{LEVEL} > '997'::jsonb AND {LEVEL} < 'false'::jsonb AND source_id = 'plant-2'", 0),
        ("plant-*", "level", some("plant-18"), f"{LEVEL} > '995'::jsonb AND {LEVEL} < 'false'::jsonb AND source_id = 'plant-18'", 60),
        ("plant-*", "level", some("plant-18", "plant-2"), f"{LEVEL} = '998'::jsonb AND source_id IN ('plant-18', 'plant-2')", 60),
        ("plant-18", "level", some("plant-18"), f"{LEVEL} IN ('998'::jsonb, '5') AND source_id = ANY (ARRAY['plant-18'])", 60),
        ("*", "level", None, f"{LEVEL} >= '999'::jsonb AND {LEVEL} < 'false'::jsonb", 60),
        ("*", "level", None, f"{LEVEL} = '\"none\"'::jsonb", 0),
        ("*", "device.name", None, f"{NAME} > '\"m6\"'::jsonb", 0),
    ],
)  # fmt: skip
def test_postgresql_uses_the_index_on_every_partition(
    pattern: str, field: str, sources: frozenset[str] | None, condition: str, rows: int
) -> None:
    add(pattern, field)
    serves = serving(field.split("."), sources=sources)
    assert serves is not None

    plan = explain(f"SELECT * FROM events WHERE {serves} AND {condition} ORDER BY ts DESC LIMIT 1000")

    used = {str(node["Index Name"]) for node in nodes(plan) if "Index Name" in node}
    number = FieldIndex.objects.get().pk
    assert {f"field_{number}_events_2026_{month}" for month in ("03", "04")} <= used
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan" and node["Actual Rows"]]
    assert plan["Actual Rows"] == rows


def test_a_filter_that_most_rows_pass_reads_them_by_time() -> None:
    add("*", "level")

    plan = explain(f"SELECT * FROM events WHERE {LEVEL} > '5'::jsonb ORDER BY ts DESC LIMIT 100")

    assert {node.get("Index Name") for node in nodes(plan) if node["Actual Loops"]} & {"events_2026_04_ts_idx"}


def test_an_index_holds_only_events_that_have_the_field_and_are_of_its_sources() -> None:
    add("plant-*", "nowhere")
    add("plant-*", "level")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.reltuples::bigint FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid"
            " WHERE x.indrelid = 'events_2026_03'::regclass AND c.relname ~ '^field_[0-9]+_' ORDER BY c.oid"
        )
        assert cursor.fetchall() == [(0,), (ROWS // 2,)]


Node = dict[str, object]


def explain(query: str) -> Node:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
        [found] = cursor.fetchone() or [None]
    [whole] = found if isinstance(found, list) else json.loads(str(found))
    plan: Node = whole["Plan"]
    return plan


def nodes(plan: Node) -> Iterator[Node]:
    yield plan
    inner = plan.get("Plans", [])
    assert isinstance(inner, list)
    for node in inner:
        yield from nodes(node)
