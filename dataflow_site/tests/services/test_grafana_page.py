"""docs/grafana.md: each of its requests is answered with what its panel shows, and each of its statements is run by a reader."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dataflow_site.environment.env import BASE_DIR
from dataflow_site.tests import weather
from deploy.testing.deployment import Deployment
from queries.tests.services.sql_readers import readers
from queries.tests.stored import get

pytestmark = pytest.mark.services

PAGE = (BASE_DIR / "docs" / "grafana.md").read_text()
PANELS = re.findall(r"### ([^\n]+)\n(.*?)```http\nGET (\S+)\n```", PAGE, re.DOTALL)
STATEMENTS = re.findall(r"### ([^\n]+)\n\n```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def address(module_site: Deployment) -> str:
    return weather.reader(module_site)


def at(answer: Any, path: str) -> Any:
    for key in filter(None, path.split(".")):
        answer = answer[key]
    return answer


def test_the_page_has_panels() -> None:
    assert (len(PANELS), len(STATEMENTS)) == (PAGE.count("```http"), PAGE.count("```sql")) == (5, 5)


@pytest.mark.parametrize(("title", "text", "request_line"), PANELS, ids=[panel[0] for panel in PANELS])
def test_the_request_of_a_panel_has_its_rows_and_columns(
    address: str, title: str, text: str, request_line: str
) -> None:
    answer = get(weather.filled_in(request_line))

    described = text.rpartition("URL `https://")[2]
    root = re.search(r"\*Rows/Root\* `(\w+)`", described)
    rows = at(answer, root[1]) if root else [answer]
    columns = re.findall(r"`([\w.]+)`(?=,| and| \(|\.|$)", described.partition("columns ")[2].partition("\n\n")[0])
    assert rows
    for column in columns:
        assert at(rows[0], column) is not None, column
    if "shape=rows" in request_line:
        assert rows[-1]["time"]
        assert any(row[f"{weather.SOURCE} temperature"] == 31.5 for row in rows)


@pytest.mark.parametrize(("title", "statement"), STATEMENTS, ids=[statement[0] for statement in STATEMENTS])
def test_every_statement_of_the_page_finds_rows(address: str, title: str, statement: str) -> None:
    assert readers.read(address, weather.filled_in(statement))
