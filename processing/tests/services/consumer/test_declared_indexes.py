"""The consumer stores whatever comes in a field that has a declared index."""

from __future__ import annotations

import pytest
from django.db import connection

from deploy.testing.deployment import Deployment
from processing.stores.fields import values
from processing.tests import declared_indexes, expectations, factories
from processing.tests.factories import line

pytestmark = pytest.mark.services

# None of them is in an index, or each as itself.
ODD = [
    b'{"v":"' + b"x" * 200_000 + b'"}',
    b'{"v":"' + "ä".encode() * 256 + b'"}',
    b'{"v":"' + "ä".encode() * 257 + b'"}',
    b'{"v":-0}',
    b'{"v":-0.0}',
    b'{"v":1e300}',
    b'{"v":-1.7976931348623157e308}',
    b'{"v":5e-324}',
    b'{"v":9223372036854775807}',
    b'{"v":null}',
    b'{"v":true}',
    b'{"v":""}',
    b'{"v":{"w":[{"x":1}]}}',
    b'{"v":{"w":' + b'{"w":' * 29 + b"1" + b"}" * 29 + b"}}",
    b'{"v":[' + b"1," * 5_000 + b"2]}",
    b'{"w":1}',
    b"{}",
]


@pytest.mark.parametrize("first", ["the index", "the month"])
def test_no_value_of_an_indexed_field_becomes_a_dead_letter(site: Deployment, first: str) -> None:
    """Both indexes that a job has made, and those that a new partition has from the start."""
    lines = [line(number, payload) for number, payload in enumerate(ODD)]
    site.start_consumer()
    if first == "the month":
        factories.put(site.raw_topic, line(1_000, b'{"v":1}'))
        site.wait_for(lambda: expectations.caught_up(site), 30)
    for field in ("v", "v.w", "w"):
        declared_indexes.add("*", field)
    declared_indexes.add("sensor-*", "v")

    for one in lines:
        factories.put(site.raw_topic, one)
    factories.put(site.raw_topic, *lines)
    site.wait_for(lambda: expectations.caught_up(site), 60)

    count = len(ODD) + (first == "the month")
    assert expectations.totals(site) == {"sensor-1": (count + len(ODD), count, len(ODD), 0)}
    assert expectations.differences() == []
    assert "events_2026_03" in declared_indexes.made()
    assert found("=", "1e300") == 1
    assert found("=", "0") == 2
    assert found("=", '"' + "ä" * 256 + '"') == 1
    assert found("=", '"' + "ä" * 257 + '"') == 0


def found(operator: str, value: str) -> int:
    """Return how many rows the index has for a value."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            cursor.execute(
                f"SELECT count(*) FROM events WHERE {values.expression(['v'])} {operator} %s::jsonb", [value]
            )
            [count] = cursor.fetchone() or [0]
        finally:
            cursor.execute("RESET enable_seqscan")
    return int(count)
