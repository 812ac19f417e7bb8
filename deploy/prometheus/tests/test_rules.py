"""The rules speak of metrics that exist, each alert is tried out, and somebody who gets one is told what to do."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml

from dataflow_site.environment import local_ports
from deploy.local import ports
from deploy.local.plan import PROCESSES
from deploy.local.processes import ROOT
from deploy.metrics import definitions
from deploy.prometheus import expressions
from deploy.prometheus.expressions import FOLDER, Rule, alerts, rules
from ingestion.problems import MEANINGS

# Those of libraries that rules use; a real Prometheus holds that they exist.
OF_LIBRARIES = {"up", "django_http_responses_total_by_status_total"}
PROMTOOL = shutil.which("promtool")
OURS = {series: one for one in definitions.every() for series in one.series}
RECORDED = {rule.name for rule in rules() if not rule.severity}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_a_rule_reads_metrics_that_exist_by_labels_that_they_have(rule: Rule) -> None:
    assert expressions.names(rule.expression) <= {*OURS, *RECORDED, *OF_LIBRARIES}
    for name, label in expressions.labels(rule.expression):
        if name in OURS:
            assert label in {*OURS[name].labels, "le"}


@pytest.mark.parametrize("alert", alerts(), ids=lambda rule: rule.name)
def test_an_alert_has_a_severity_a_duration_and_a_page_that_says_what_to_do(alert: Rule) -> None:
    assert alert.severity in {"critical", "warning"}
    assert re.fullmatch(r"\d+[smh]", alert.holds_for)
    assert alert.annotations.keys() == {"summary", "description", "runbook"}
    assert alert.annotations["runbook"] == f"docs/runbooks/{alert.name}.md"
    page = (ROOT / alert.annotations["runbook"]).read_text()
    assert page.startswith(f"# {alert.name}\n")
    assert "**Effect.**" in page
    assert "\n1. " in page


@pytest.mark.parametrize("alert", alerts(), ids=lambda rule: rule.name)
def test_an_alert_has_a_case_that_fires_and_one_that_does_not(alert: Rule) -> None:
    cases = [
        bool(one["exp_alerts"])
        for file in (FOLDER / "tests").glob("*.yml")
        for test in yaml.safe_load(file.read_text())["tests"]
        for one in test["alert_rule_test"]
        if one["alertname"] == alert.name
    ]

    assert {True, False} <= set(cases)


def test_there_is_no_page_for_an_alert_that_does_not_exist() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "runbooks").glob("*.md")}

    assert pages == {alert.name for alert in alerts()}


def test_refusals_for_reasons_of_ours_are_those_with_a_5xx_status() -> None:
    ours = {code.value for code, (status, _) in MEANINGS.items() if status >= 500}
    # What no client gets for events: the method of a transfer that it chose itself.
    ours -= {"unsupported_transfer_encoding"}

    named = {
        code
        for rule in rules()
        for group in re.findall(r'code=~"([^"]+)"', rule.expression)
        for code in group.split("|")
    }

    assert named == ours


def test_every_process_is_scraped_at_the_port_that_its_health_is_at() -> None:
    for file, host in (("prometheus.yml", lambda _: ports.HOST), ("compose.yml", lambda name: name)):
        jobs = {job["job_name"]: job for job in yaml.safe_load((FOLDER / file).read_text())["scrape_configs"]}

        for part in PROCESSES:
            [target] = jobs[f"dataflow-{part.name}"]["static_configs"][0]["targets"]
            assert target == f"{host(part.name)}:{local_ports.DEFAULTS[part.metrics_setting]}"
        assert jobs.keys() - {f"dataflow-{part.name}" for part in PROCESSES} == {
            *("kafka", "postgresql", "mongodb", "redis")
        }


def test_the_rules_for_tests_differ_in_their_durations_alone() -> None:
    for file in expressions.RULES:
        text = file.read_text()
        assert re.sub(r"\[\w+\]|for: \w+", "", text) == re.sub(r"\[\w+\]|for: \w+", "", expressions.shortened(text))


@pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool on this machine")
@pytest.mark.parametrize("file", ["alerts.yml", "objectives.yml"])
def test_each_case_of_an_alert_ends_as_it_says(file: str) -> None:
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", f"tests/{file}"], cwd=FOLDER, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
