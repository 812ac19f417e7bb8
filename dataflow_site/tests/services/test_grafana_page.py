"""docs/grafana.md: each of its requests is answered with what its panel shows, and each of its statements is run by a reader."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dataflow_site.environment.env import BASE_DIR
from deploy.testing.deployment import Deployment
from processing.models import LedgerMinute
from processing.stores import month_partitions, postgres
from queries.tests.services.sql_readers import readers
from queries.tests.stored import account, get, make_event, roll_up, store

pytestmark = pytest.mark.services

PAGE = (BASE_DIR / "docs" / "grafana.md").read_text()
PANELS = re.findall(r"### ([^\n]+)\n(.*?)```http\nGET (\S+)\n```", PAGE, re.DOTALL)
STATEMENTS = re.findall(r"### ([^\n]+)\n\n```sql\n(.*?)```", PAGE, re.DOTALL)
SOURCE = "weather-berlin"
TO = datetime.now(tz=UTC).replace(microsecond=0)
FROM = TO - timedelta(hours=6)
# As Grafana replaces them: https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/
MACROS = {
    "${__from:date:iso}": f"{FROM:%Y-%m-%dT%H:%M:%S.000Z}",
    "${__to:date:iso}": f"{TO:%Y-%m-%dT%H:%M:%S.000Z}",
    "${__from}": f"{FROM.timestamp() * 1000:.0f}",
    "${__to}": f"{TO.timestamp() * 1000:.0f}",
    "$__timeFrom()": f"'{FROM:%Y-%m-%dT%H:%M:%SZ}'",
    "$__timeTo()": f"'{TO:%Y-%m-%dT%H:%M:%SZ}'",
}


@pytest.fixture(scope="module")
def address(module_site: Deployment) -> str:
    with postgres.connect() as connection:
        days = [round(moment.timestamp()) // 86_400 for moment in (FROM, TO)]
        month_partitions.ensure(connection, month_partitions.months(days))
    moments = [FROM + number * timedelta(minutes=10) for number in range(1, 36)]
    store(*(make_event(SOURCE, ts=moment, payload={"temperature": 31.5}) for moment in moments[1:-1]))
    roll_up(SOURCE, "temperature", [(moment, 31.5) for moment in moments])
    account(SOURCE, last_seen=TO, stored=35)
    minute = moments[0].replace(second=0)
    LedgerMinute.objects.create(source_id=SOURCE, minute=minute, partition=0, read=35, stored=35)
    return readers.create(readers.name_of(module_site, "grafana"))


def filled_in(text: str) -> str:
    for macro, value in MACROS.items():
        text = text.replace(macro, value)
    assert "$" not in text
    return text


def at(answer: Any, path: str) -> Any:
    for key in filter(None, path.split(".")):
        answer = answer[key]
    return answer


def test_the_page_has_panels() -> None:
    assert (len(PANELS), len(STATEMENTS)) == (PAGE.count("```http"), PAGE.count("```sql")) == (5, 3)


@pytest.mark.parametrize(("title", "text", "request_line"), PANELS, ids=[panel[0] for panel in PANELS])
def test_the_request_of_a_panel_has_its_rows_and_columns(
    address: str, title: str, text: str, request_line: str
) -> None:
    answer = get(filled_in(request_line))

    described = text.rpartition("URL `https://")[2]
    root = re.search(r"\*Rows/Root\* `(\w+)`", described)
    rows = at(answer, root[1]) if root else [answer]
    columns = re.findall(r"`([\w.]+)`(?=,| and| \(|\.|$)", described.partition("columns ")[2].partition("\n\n")[0])
    assert rows
    for column in columns:
        assert at(rows[0], column) is not None, column
    if "shape=rows" in request_line:
        assert rows[-1]["time"]
        assert any(row[f"{SOURCE} temperature"] == 31.5 for row in rows)


@pytest.mark.parametrize(("title", "statement"), STATEMENTS, ids=[statement[0] for statement in STATEMENTS])
def test_every_statement_of_the_page_finds_rows(address: str, title: str, statement: str) -> None:
    assert readers.read(address, filled_in(statement))
