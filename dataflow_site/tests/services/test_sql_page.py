"""docs/sql.md: each of its statements is run by a reader, and its table names the columns that there are."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from dataflow_site.environment.env import BASE_DIR
from deploy.testing.deployment import Deployment
from processing.models import DeadLetter, LedgerMinute
from processing.stores import month_partitions, postgres
from queries.tests.services.sql_readers import readers
from queries.tests.stored import account, make_event, roll_up, store, topic

pytestmark = pytest.mark.services

PAGE = (BASE_DIR / "docs" / "sql.md").read_text()
STATEMENTS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
# The examples' data is of this source, from this moment on.
SOURCE = "weather-berlin"
NOW = datetime.now(tz=UTC)
BEGAN = NOW - timedelta(hours=3)
# As Grafana and Metabase write them: https://grafana.com/docs/grafana/latest/datasources/postgres/
MACROS = {
    r"\$__timeFilter\((\w+)\)": rf"\1 BETWEEN '{BEGAN:%Y-%m-%dT%H:%M:%SZ}' AND '{NOW:%Y-%m-%dT%H:%M:%SZ}'",
    r"\$__timeFrom\(\)": f"'{BEGAN:%Y-%m-%dT%H:%M:%SZ}'",
    r"\$__timeTo\(\)": f"'{NOW:%Y-%m-%dT%H:%M:%SZ}'",
    r"\$__timeGroupAlias\((\w+), ?\$__interval\)": r'floor(extract(epoch from \1)/60)*60 AS "time"',
    r"\[\[AND \{\{range\}\}\]\]": rf""" AND "read"."events"."ts" >= timestamp with time zone '{BEGAN:%Y-%m-%d %H:%M:%S.000Z}'""",
}


@pytest.fixture(scope="module")
def address(module_site: Deployment) -> str:
    with postgres.connect() as connection:
        month_partitions.ensure(
            connection, {moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0) for moment in (BEGAN, NOW)}
        )
    moments = [BEGAN + number * timedelta(minutes=10) for number in range(1, 17)]
    store(*(make_event(SOURCE, ts=moment, payload={"station": "Tegel", "temperature": 4.5}) for moment in moments))
    roll_up(SOURCE, "temperature", [(moment, 4.5) for moment in moments])
    account(SOURCE, last_seen=NOW - timedelta(hours=2), stored=1)
    LedgerMinute.objects.create(source_id=SOURCE, minute=BEGAN, partition=0, read=2, stored=1, dead_lettered=1)
    DeadLetter.objects.create(
        topic=topic(), partition=0, offset=1, line=0, raw=b"x", reason="not_json", detail="", stage="decode",
        source_id=SOURCE, received=NOW, first_seen=NOW, last_seen=NOW, fingerprint="f",
    )  # fmt: skip
    return readers.create(readers.name_of(module_site, "page"))


def test_the_page_has_statements() -> None:
    assert len(STATEMENTS) >= 9


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda text: text.splitlines()[0][:60])
def test_every_statement_of_the_page_finds_rows(address: str, statement: str) -> None:
    for macro, text in MACROS.items():
        statement = re.sub(macro, text, statement)

    assert not re.search(r"\$__|\{\{|%", statement)
    assert readers.read(address, statement)


def test_the_page_names_every_view_with_its_columns(address: str) -> None:
    named = {
        view: re.findall(r"`(\w+)`", columns)
        for view, columns in re.findall(r"^\| `read\.(\w+)` \| [^|`]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    }

    found = readers.read(
        address,
        "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class AS c JOIN pg_attribute AS a"
        " ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = 'read'::regnamespace GROUP BY 1",
    )

    assert named == dict(found)


def test_what_a_superuser_can_run_takes_the_functions_from_everybody(module_site: Deployment, address: str) -> None:
    [block] = [text for text in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) if "REVOKE" in text]
    with module_site.servers.postgres.connect(module_site.name) as admin:
        admin.execute("GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint), lo_create(oid) TO PUBLIC")
        admin.execute(block.encode())

    [row] = readers.read(
        address,
        "SELECT has_function_privilege('pg_advisory_lock(bigint)', 'EXECUTE'), has_function_privilege('lo_create(oid)', 'EXECUTE'),"
        " has_function_privilege('dataflow', 'pg_advisory_lock(bigint)', 'EXECUTE')",
    )
    assert row == (False, False, True)
