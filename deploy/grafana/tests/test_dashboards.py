"""The committed dashboards are what their Python says, and speak of metrics, units and data sources that exist."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from deploy.grafana import boards
from deploy.grafana.panels import POSTGRESQL, PROMETHEUS
from deploy.grafana.tests import board_panels
from deploy.grafana.tests.board_panels import BOARDS, panels, promql
from deploy.local.processes import ROOT
from deploy.metrics import definitions
from deploy.prometheus import expressions
from deploy.prometheus.expressions import rules

OURS = {series: one for one in definitions.every() for series in one.series}
RECORDED = {rule.name for rule in rules() if not rule.severity}
# What others expose: Prometheus itself, the library in our processes, django-prometheus, and the exporters of the servers.
OTHERS = r"up|ALERTS|process_\w+|django_\w+|pg_\w+|redis_\w+|mongodb_\w+|kafka_\w+"
UNITS = {"short", "cps", "reqps", "ops", "s", "bytes", "percentunit", "none"}


EVERY = [pytest.param(panel, id=name) for name, panel in board_panels.every().items()]
OVER_PROMETHEUS = [pytest.param(panel, id=name) for name, panel in board_panels.over_prometheus().items()]
OF_NUMBERS = [
    pytest.param(panel, id=name)
    for name, panel in board_panels.every().items()
    if panel["type"] in {"timeseries", "stat"}
]


@pytest.mark.parametrize("name", BOARDS)
def test_the_committed_dashboard_is_what_its_python_says(name: str) -> None:
    assert (boards.FOLDER / f"{name}.json").read_text() == boards.texts()[name]


def test_there_is_no_other_dashboard() -> None:
    assert {file.stem for file in boards.FOLDER.iterdir()} == BOARDS.keys()
    assert {board["uid"] for board in BOARDS.values()} == {f"dataflow-{name}" for name in BOARDS}


@pytest.mark.parametrize("panel", EVERY)
def test_a_panel_asks_a_source_that_is_provisioned_and_says_what_it_shows(panel: dict[str, Any]) -> None:
    file = ROOT / "deploy" / "grafana" / "provisioning" / "datasources" / "dataflow.yml"
    provisioned = {(one["type"], one["uid"]) for one in yaml.safe_load(file.read_text())["datasources"]}

    assert provisioned == {(source.type_val, source.uid) for source in (PROMETHEUS, POSTGRESQL)}
    for target in panel["targets"]:
        assert (target["datasource"]["type"], target["datasource"]["uid"]) in provisioned
        assert target["datasource"] == panel["datasource"]
    assert panel["description"].endswith(".")
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@pytest.mark.parametrize("panel", OVER_PROMETHEUS)
def test_a_query_reads_metrics_that_exist_by_labels_that_they_have(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        expression = promql(target["expr"])
        for name in expressions.names(expression):
            assert name in OURS or name in RECORDED or re.fullmatch(OTHERS, name), name
        for name, label in expressions.labels(expression):
            if name in OURS:
                assert label in {*OURS[name].labels, "le", "instance", "job"}
        for label in re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")):
            assert re.search(rf"by \([^)]*\b{label}\b", expression), (label, expression)


@pytest.mark.parametrize("panel", OF_NUMBERS)
def test_a_panel_has_the_unit_of_what_it_shows(panel: dict[str, Any]) -> None:
    unit = panel["fieldConfig"]["defaults"]["unit"]

    assert unit in UNITS
    for target in panel["targets"]:
        expression = target.get("expr", "")
        names = expressions.names(promql(expression)) if expression else set()
        if " / " in expression or "ratio_rate" in expression:
            assert unit == "percentunit"
        elif any(re.search(r"_bytes$", name) for name in names):
            assert unit == "bytes"
        elif any(re.search(r"_seconds(_bucket|_sum)?$", name) for name in names):
            assert unit == "s"
        elif "rate(" in expression and "histogram_quantile" not in expression:
            assert unit in {"cps", "reqps", "ops", "short"}


@pytest.mark.parametrize("name", BOARDS)
def test_every_variable_that_queries_use_is_one_of_the_dashboard(name: str) -> None:
    board = BOARDS[name]
    variables = {one["name"] for one in board.get("templating", {}).get("list", [])}

    used = {
        word
        for panel in panels(board)
        for target in panel["targets"]
        for word in re.findall(r"\$\{?([a-z]\w*)", target.get("expr", "") + target.get("rawSql", ""))
    }

    assert used == variables


@pytest.mark.parametrize("name", BOARDS)
def test_panels_lie_side_by_side_and_none_on_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(BOARDS[name]):
        at = panel["gridPos"]
        place = {(at.get("x", 0) + x, at.get("y", 0) + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & place
        assert at.get("x", 0) + at["w"] <= 24
        taken |= place
