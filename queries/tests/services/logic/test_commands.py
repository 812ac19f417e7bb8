"""`manage.py logic`, `lookup_table`, `export_config` and `apply_config`, and the configuration over the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.models import Source
from processing.logic.content import Content, RuleContent
from processing.logic.presentation import shapes
from processing.logic.revisions import saving
from processing.models import LogicRevision, LookupTableVersion
from processing.tests.commands import run_command, run_json

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

HOT = RuleContent(name="hot", when="temperature > 30", actions=["tag hot"])
COLD = RuleContent(name="cold", when="temperature < 0", actions=["tag cold"])
CONFIG = "sources:\n  plant-1: {labels: {site: north}}\nrules:\n  - {name: hot, actions: [tag hot]}\n"
STATIONS = "id,name\n1,Seattle\n2,New York\n"


def content() -> Content:
    return shapes.current()["content"]


@pytest.fixture
def revisions(site: Deployment) -> None:
    saving.save(Content(rules=[HOT]), base=0, who="ann", reason="first", activate=True)
    saving.save(Content(rules=[HOT, COLD]), base=1, who="bob")


# --- logic ---


@pytest.mark.usefixtures("revisions")
def test_revisions_are_listed_shown_and_compared() -> None:
    listed = run_command("logic", "list").stdout.splitlines()
    shown = run_command("logic", "show").stdout
    compared = run_command("logic", "diff", "1", "2").stdout

    assert [line[:6].strip() for line in listed] == ["2", "*    1"]
    assert "ann  1 rules, 0 schemas, 0 tables  first" in listed[1]
    assert shown == "# revision 1\nrules:\n  - name: hot\n    actions:\n      - tag hot\n    when: temperature > 30\n"
    assert compared.startswith("+ rule cold\n")
    assert run_command("logic", "diff", "1").stdout == "Nothing differs.\n"
    assert run_json("logic", "diff", "1", "2")["changes"]
    assert "there is no revision 7" in run_command("logic", "show", "7", code=1).stderr.lower()


@pytest.mark.usefixtures("revisions")
def test_a_revision_is_made_current_unless_another_one_is_than_expected() -> None:
    refused = run_command("logic", "activate", "2", "--expected", "2", code=1)
    done = run_command("logic", "activate", "2", "--expected", "1", "--reason", "go")

    assert "revision 1 was made current by ann" in refused.stderr
    assert "- rule cold" in refused.stderr
    assert done.stdout == "Revision 2 is current.\n"
    assert run_json("logic", "activate", "0") == {"number": 0}
    assert content() == Content()


@pytest.mark.usefixtures("revisions")
def test_a_rule_is_disabled_and_enabled_again() -> None:
    run_command("logic", "disable", "hot")
    off = [rule.enabled for rule in content().rules]
    run_command("logic", "enable", "hot")

    assert (off, [rule.enabled for rule in content().rules]) == ([False], [True])
    assert LogicRevision.objects.count() == 4
    assert "no rule warm" in run_command("logic", "disable", "warm", code=1).stderr


# --- lookup tables ---


def test_a_table_is_loaded_listed_shown_and_dropped(tmp_path: Path) -> None:
    file = tmp_path / "stations.csv"
    file.write_text(STATIONS)

    loaded = run_command("lookup_table", "load", "stations", str(file), "--reason", "names")
    again = run_json("lookup_table", "load", "stations", str(file))

    assert loaded.stdout == "stations 1: 2 rows; revision 1 is current\n"
    assert (again["version"], again["revision"], again["key"]) == (1, 1, "id")
    assert content().tables == {"stations": 1}
    assert run_command("lookup_table", "show", "stations").stdout == STATIONS
    listed = run_command("lookup_table", "list").stdout
    assert listed == "stations  version 1  2 rows by id  version 1 in use\n"
    run_command("lookup_table", "drop", "stations")
    assert content().tables == {}
    assert "not in use" in run_command("lookup_table", "list").stdout
    assert run_command("lookup_table", "drop", "stations", code=1)


def test_a_draft_of_a_table_changes_nothing_yet_and_may_come_from_standard_input() -> None:
    done = run_command(
        "lookup_table", "load", "stations", "-", "--draft", "--key", "name", "--type", "id=text", stdin=STATIONS
    )

    assert done.stdout == "stations 1: 2 rows; revision 1 is a draft\n"
    assert content() == Content()
    row = LookupTableVersion.objects.get()
    assert (row.key, row.columns[0]) == ("name", {"name": "id", "type": "text"})


def test_a_broken_file_is_refused_with_its_places(tmp_path: Path) -> None:
    file = tmp_path / "stations.csv"
    file.write_text("id,name\n1,Seattle\n1,New York\n2\n")

    refused = run_command("lookup_table", "load", "stations", str(file), code=1)

    assert f"{file}:3:1: the key is there twice" in refused.stderr
    assert f"{file}:4:" in refused.stderr
    assert run_command("lookup_table", "load", "stations", str(tmp_path / "none.csv"), code=2)
    assert not LookupTableVersion.objects.exists()


def test_a_table_that_a_rule_reads_is_not_dropped(tmp_path: Path) -> None:
    file = tmp_path / "stations.csv"
    file.write_text(STATIONS)
    run_command("lookup_table", "load", "stations", str(file))
    rule = RuleContent(name="named", actions=['set name = lookup("stations", id, "name")'])
    saving.save(Content(rules=[rule], tables={"stations": 1}), base=1, who="ann", activate=True)

    refused = run_command("lookup_table", "drop", "stations", code=1)

    assert "/rules/0/actions/0" in refused.stderr
    assert content().tables == {"stations": 1}


# --- configuration ---


def test_a_dry_run_ends_with_1_if_something_would_change_and_with_0_if_not(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(CONFIG)

    would = run_command("apply_config", str(file), "--dry-run", code=1)
    done = run_command("apply_config", str(file), "--reason", "moved")
    same = run_command("apply_config", str(file), "--dry-run")

    assert would.stdout.splitlines()[:2] == ["+ source plant-1: labels site=north", "+ rule hot"]
    assert would.stdout.endswith("This would change.\n")
    assert done.stdout.endswith("Applied; revision 1 is current.\n")
    assert same.stdout == "Nothing differs.\n"
    assert LogicRevision.objects.get().reason == "moved"
    assert run_json("apply_config", str(file))["changed"] is False


def test_an_exported_file_and_its_tables_beside_it_are_applied_as_the_same(tmp_path: Path) -> None:
    table = tmp_path / "stations.csv"
    table.write_text(STATIONS)
    run_command("lookup_table", "load", "stations", str(table), "--type", "id=text")
    file = tmp_path / "site.yaml"

    run_command("export_config", str(file), "--split")

    assert (tmp_path / "site.stations.csv").read_text() == STATIONS
    assert "file: site.stations.csv" in file.read_text()
    assert run_command("apply_config", str(file), "--dry-run", "--prune").stdout == "Nothing differs.\n"
    (tmp_path / "site.stations.csv").write_text("id,name\n1,x\n1,y\n")
    broken = run_command("apply_config", str(file), code=1)
    assert f"{file}:3:3: /tables/stations/csv: line 3, column 1: the key is there twice" in broken.stderr
    assert "csv: |" in run_command("export_config").stdout
    run_command("export_config", "--split", code=2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ruls: []\n", ":1:1: /ruls: unknown; did you mean rules?"),
        ("rules:\n  - {name: a, actions: ['tagg x']}\n", ":2:26: /rules/0/actions/0: expected set"),
        ("tables:\n  t: {key: id}\n", ":2:3: /tables/t: expected either csv or file"),
        ("tables:\n  t: {key: id, file: ../x.csv}\n", ":2:16: /tables/t/file: expected the name of a file"),
        ("tables:\n  t: {key: id, file: x.csv}\n", ":2:16: /tables/t/file: No such file"),
        ("a: &a 1\n", ":1:4: anchors and aliases are not allowed"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(text)

    refused = run_command("apply_config", str(file), code=1)

    assert f"{file}{told}" in refused.stderr
    assert not LogicRevision.objects.exists()


def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    run_command("apply_config", str(tmp_path / "none.yaml"), code=2)
    run_command("export_config", str(tmp_path / "none" / "site.yaml"), code=2)


def test_the_configuration_is_read_compared_and_applied_over_the_api(client: Client) -> None:
    _, token = api_keys.create("operator", ["admin"])
    head = {"Authorization": f"Bearer {token}"}

    def put(text: str, query: str = "") -> tuple[int, dict[str, Any]]:
        answer = client.put(f"/api/config/{query}", text, content_type="application/yaml", headers=head)
        return answer.status_code, json.loads(answer.content)

    status, would = put(CONFIG, "?dry_run=true")
    assert (status, would["changed"], would["dryRun"], Source.objects.count()) == (200, True, True, 0)
    status, done = put(CONFIG)
    assert (status, done["changed"], done["revision"]) == (200, True, 1)
    read = client.get("/api/config/", headers=head)
    assert (read.status_code, read.headers["Content-Type"]) == (200, "application/yaml")
    status, same = put(read.content.decode(), "?prune=true")
    assert (status, same["changed"], same["text"]) == (200, False, "")
    status, problem = put("rules:\n  - {nam: hot}\n")
    assert (status, problem["code"]) == (422, "invalid_logic")
    [error] = problem["errors"]
    assert (error["pointer"], error["line"], error["column"]) == ("/rules/0/nam", 2, 6)
    assert put(CONFIG, "?dry_run=maybe")[0] == 400
    assert client.get("/api/config/").status_code == 401
