"""How an export reads: one snapshot, no sort before the first row, only the reader's sources, within its time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import ReadScope
from ingestion.problems import RequestRejected
from processing.models import Event
from processing.stores import postgres
from queries.export import reading, slots, statement
from queries.export.query import ExportQuery
from queries.export.reading import ExportTimeout
from queries.reads.condition import TRUE
from queries.request import field_filters
from queries.request.selection import Selection
from queries.tests.exported import exported, lines, started
from queries.tests.stored import NOON, make_event, series, store

pytestmark = pytest.mark.services

ROWS = 120_000


@pytest.fixture(scope="module", autouse=True)
def _events(module_site: Deployment) -> None:
    """Many events of three sources, with the statistics that the planner goes by."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(
            """INSERT INTO events SELECT 'source-' || n %% 3, timestamptz '2009-01-01Z' + n * interval '1 s',
                   gen_random_uuid(), now(), now(), jsonb_build_object('n', n), n, n, 0, 0, 1, NULL
               FROM generate_series(1, %s) n""",
            [ROWS],
        )
        cursor.execute("ANALYZE events")


@pytest.fixture
def own() -> Iterator[psycopg.Connection]:
    """A connection as that of an export."""
    opened = postgres.connect(application="test", options="")
    with opened:
        opened.execute("BEGIN")
        opened.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        yield opened


def flattened(plans: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of plans."""
    for plan in plans:
        yield plan.get("Plan", plan)
        yield from flattened(plan.get("Plan", plan).get("Plans", []))


def nodes(own: psycopg.Connection, scope: ReadScope, selection: Selection, **more: Any) -> list[dict[str, Any]]:
    """Return the nodes of the plan of an export."""
    query = ExportQuery(selection=selection, **more)
    text = statement.copy(query, scope, TRUE, connection=own, micros=False)
    text = text.removeprefix("COPY (").removesuffix(") TO STDOUT (NULL '')")
    row = own.execute(f"EXPLAIN (FORMAT JSON) {text}".encode()).fetchone()
    assert row is not None
    return list(flattened(row[0]))


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    ("scope", "selection"),
    [
        (ReadScope(None), Selection()),
        (ReadScope(None), Selection(start=NOON - timedelta(days=100), end=NOON)),
        (ReadScope(frozenset({"source-1"})), Selection()),
        (ReadScope(frozenset({"source-0", "source-1"})), Selection()),
        (ReadScope(frozenset(f"source-{number}" for number in range(250))), Selection()),
    ],
)
def test_the_first_row_waits_for_no_sort_of_all(
    own: psycopg.Connection, scope: ReadScope, selection: Selection, order: str
) -> None:
    found = nodes(own, scope, selection, order=order)

    # Whatever the planner thinks of an index that leads to pages all over the table.
    assert own.execute("SHOW enable_sort").fetchone() == ("off",)
    # An incremental sort orders the few events of one time.
    assert not [node for node in found if node["Node Type"] == "Sort"]
    assert not [node for node in found if node["Node Type"] == "Seq Scan" and node["Plan Rows"] > 1_000]


def test_a_sort_is_taken_for_few_rows_alone(own: psycopg.Connection) -> None:
    # As with statistics by which reading in order looks dear.
    own.execute("SET LOCAL enable_incremental_sort = off")
    own.execute("SET LOCAL random_page_cost = 10000")

    few = nodes(own, ReadScope(None), Selection(start=NOON, other_tags=("x",)))
    assert own.execute("SHOW enable_sort").fetchone() == ("on",)
    assert [node for node in few if node["Node Type"] == "Sort"]

    nodes(own, ReadScope(None), Selection(other_tags=("x",)))
    assert own.execute("SHOW enable_sort").fetchone() == ("off",)


def test_few_events_are_found_by_a_declared_index_and_sorted(own: psycopg.Connection) -> None:
    own.execute("CREATE INDEX declared ON events (field_value(payload, ARRAY['n']::text[]))")
    own.execute("ANALYZE events")
    rare = Selection(filters=field_filters.parse([("field.n[gte]", str(ROWS - 20))]))

    found = nodes(own, ReadScope(None), rare)

    assert "events_before_2010_field_value_idx" in {node.get("Index Name") for node in found}
    own.execute("ROLLBACK")


def test_an_export_shows_one_moment_while_events_come_and_go() -> None:
    store(*series(5, source_id="moment"))
    expected = lines(exported("source_id=source-1&source_id=moment"))
    export = started("source_id=source-1&source_id=moment")

    first = next(export)
    Event.objects.filter(source_id="moment").delete()
    store(make_event("source-1", ts=NOON + timedelta(days=1)))
    found = lines(first + b"".join(export))

    assert found == expected
    assert lines(exported("source_id=moment")) == []


def test_an_export_has_the_events_of_its_reader_alone() -> None:
    scope = ReadScope(frozenset({"source-0", "source-2"}))

    for query in ("", "source_id=source-0&source_id=source-1&source_id=source-2", "source_id=source-*"):
        sources = {event["sourceId"] for event in lines(exported(query, scope=scope))}
        assert sources <= scope.sources if scope.sources else not sources
    assert exported("source_id=source-1", scope=scope) == b""
    assert exported(scope=ReadScope(frozenset())) == b""


def test_a_postgresql_that_sends_nothing_ends_an_export(module_site: Deployment, monkeypatch: Any) -> None:
    export = started()
    next(export)
    monkeypatch.setattr(reading, "STEP_SECONDS", 0.5)

    module_site.servers.postgres.freeze()
    began = time.monotonic()
    try:
        with pytest.raises(ExportTimeout):
            for _ in export:
                pass
    finally:
        module_site.servers.postgres.thaw()

    assert time.monotonic() - began < 3.0
    assert slots._taken == 0


def test_an_export_ends_with_its_time(settings: Any) -> None:
    settings.DATAFLOW_EXPORT_HOURS = 1e-9
    export = started()

    with pytest.raises(ExportTimeout):
        next(export)
    assert slots._taken == 0


def test_an_export_that_is_given_up_frees_its_connection_and_its_slot(settings: Any, module_site: Deployment) -> None:
    settings.DATAFLOW_EXPORTS = 1
    export = started()
    next(export)
    with pytest.raises(RequestRejected):
        started()

    export.close()
    export.close()

    module_site.wait_for(lambda: not exports(), seconds=5)
    started("source_id=source-1").close()
    assert slots._taken == 0


def exports() -> int:
    """Return how many connections of exports PostgreSQL has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dataflow-export'")
        [count] = cursor.fetchone() or [0]
    return int(count)
