"""docs/sql.md: each of its statements is run by a reader, and its table names the columns that there are."""

from __future__ import annotations

import re

import pytest

from dataflow_site.environment.env import BASE_DIR
from dataflow_site.tests import weather
from deploy.testing.deployment import Deployment
from queries.tests.services.sql_readers import readers

pytestmark = pytest.mark.services

PAGE = (BASE_DIR / "docs" / "sql.md").read_text()
STATEMENTS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def address(module_site: Deployment) -> str:
    return weather.reader(module_site)


def test_the_page_has_statements() -> None:
    assert len(STATEMENTS) >= 7


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda text: text.splitlines()[0][:60])
def test_every_statement_of_the_page_finds_rows(address: str, statement: str) -> None:
    statement = weather.filled_in(statement)

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
