"""The panels of the dashboards, and what Grafana puts for the variables of their queries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.grafana import boards

BOARDS = {name: json.loads(text) for name, text in boards.texts().items()}
Panel = dict[str, Any]


def panels(board: Panel) -> Iterator[Panel]:
    """Return the panels of a dashboard without its rows."""
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def every() -> dict[str, Panel]:
    """Return the panels of all dashboards by dashboard and title."""
    return {f"{name}: {panel['title']}": panel for name, board in BOARDS.items() for panel in panels(board)}


def over_prometheus() -> dict[str, Panel]:
    """Return those whose queries are PromQL."""
    return {name: panel for name, panel in every().items() if panel["datasource"]["type"] == "prometheus"}


def over_postgresql() -> dict[str, Panel]:
    """Return those whose queries are SQL."""
    return {name: panel for name, panel in every().items() if name not in over_prometheus()}


def promql(expression: str, *, seconds: int = 60) -> str:
    """Return an expression for every process, with rates over so many seconds."""
    return expression.replace("$__rate_interval", f"{seconds}s").replace("$instance", ".+")


def sql(statement: str, *, sources: Sequence[str], fields: Sequence[str]) -> str:
    """Return a statement over the last hour: https://grafana.com/docs/grafana/latest/datasources/postgres/."""
    until = datetime.now(tz=UTC) + timedelta(minutes=1)
    start, end = (f"'{moment:%Y-%m-%dT%H:%M:%SZ}'" for moment in (until - timedelta(hours=1), until))
    values = {
        r"\$\{source:sqlstring\}": ",".join(f"'{source}'" for source in sources),
        r"\$\{field:sqlstring\}": ",".join(f"'{field}'" for field in fields),
        r"\$__interval": "15s",
        r"\$__timeFrom\(\)": start,
        r"\$__timeTo\(\)": end,
        r"\$__timeFilter\((\w+)\)": rf"\1 BETWEEN {start} AND {end}",
    }
    for macro, value in values.items():
        statement = re.sub(macro, value, statement)
    assert "$" not in statement, statement
    return statement
