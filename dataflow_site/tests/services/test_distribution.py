"""docs/scaling.md: what lets PostgreSQL be distributed by the source."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import processing
import queries
from deploy.testing.deployment import Deployment

# Tables with a row for each event, or for a source and a time.
GROWING = {
    *("events", "rollup_minute", "rollup_hour", "rollup_minute_packed", "rollup_hour_packed", "latest_value"),
    *("source_statistics", "ledger_minute", "ledger_hour", "change_mark", "stale_hour", "replay_removal", "rule_count"),
    *("source", "failing_source"),
}
# Those that grow with what is wrong, or with what operators do, or not at all; they stay on one server.
OTHERS = {
    *("dead_letter", "dead_letter_action", "incident", "job", "topic", "progress", "partition_start", "hold"),
    *(
        "ledger_gap",
        "revision_span",
        "consumer_member",
        "consumer_assignment",
        "lease",
        "key",
        "group_sources",
        "field_index",
        "reader_source",
    ),
    *("logic_revision", "logic_activation", "schema_version", "lookup_table_version", "sign_in_failures"),
    *("preference", "refused_request"),
}
UNIQUE = """
SELECT c.relname, array_agg(a.attname::text) FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(x.indkey)
WHERE x.indisunique AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition GROUP BY x.indexrelid, c.relname
"""
JOIN = re.compile(
    rf"JOIN (?P<table>{'|'.join(sorted(GROWING, key=len, reverse=True))})\b(?! JOIN)(?P<how>.{{0,200}}?)(?=JOIN|WHERE|GROUP|$)",
    re.DOTALL,
)


def joins_across_sources(text: str) -> list[str]:
    """The tables that grow which a statement joins otherwise than by the source."""
    return [found["table"] for found in JOIN.finditer(text) if "source_id" not in found["how"]]


def statements() -> Iterator[tuple[str, str]]:
    """The statements that modules have as constants, alone or in collections, with the module's name."""
    for package in (processing, queries):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".tests" in module.name or ".migrations" in module.name:
                continue
            for value in vars(importlib.import_module(module.name)).values():
                for text in value.values() if isinstance(value, dict) else (value,):
                    if isinstance(text, str) and "JOIN" in text:
                        yield module.name, text


@pytest.mark.services
def test_each_unique_key_of_a_table_that_grows_with_events_has_its_source(site: Deployment) -> None:
    with site.servers.postgres.connect(site.name) as connection:
        keys = connection.execute(UNIQUE).fetchall()

    tables = {table for table, _ in keys if not table.startswith(("auth_", "django_"))}
    # A new table has to be put into one of them.
    assert tables == GROWING | OTHERS
    assert [(table, columns) for table, columns in keys if table in GROWING and "source_id" not in columns] == []


def test_tables_that_grow_with_events_are_joined_by_the_source() -> None:
    found = list(statements())

    assert len(found) > 20
    assert [(module, joined) for module, text in found if (joined := joins_across_sources(text))] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1 FROM latest_value v JOIN events e ON e.id = v.event_id WHERE v.source_id = 'a'", ["events"]),
        ("SELECT 1 FROM a LEFT JOIN events e ON e.source_id = a.source_id AND e.id = a.id", []),
        ("SELECT 1 FROM a JOIN rollup_hour_packed USING (source_id, field)", []),
        ("SELECT 1 FROM a FULL JOIN rollup_hour USING (field) JOIN topic t ON t.source_id = 1", ["rollup_hour"]),
    ],
)
def test_a_join_by_anything_else_is_seen(text: str, expected: list[str]) -> None:
    assert joins_across_sources(text) == expected
