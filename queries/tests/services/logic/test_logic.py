"""/api/logic/: an operator's key reads, checks, saves, compares and activates logic."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.models import Source
from processing.models import LogicRevision, RuleCount
from queries.tests.stored import NOON, account, get, latest, make_event, store, store_document

pytestmark = pytest.mark.services

HOT = {"name": "hot", "when": "temperature > 30", "actions": ["tag hot"]}
COLD = {"name": "cold", "when": "temperature < 0", "actions": ["tag cold"]}
REVISIONS = "/api/logic/revisions/"


class Operator:
    """Asks with a key that has the scope `admin`."""

    def __init__(self) -> None:
        _, token = api_keys.create("operator", ["admin"])
        self._head = {"Authorization": f"Bearer {token}"}
        self._client = Client(raise_request_exception=False)

    def get(self, address: str, status: int = 200) -> Any:
        answer = self._client.get(address, headers=self._head)
        assert answer.status_code == status, answer.content
        return answer.json()

    def post(self, address: str, body: object, status: int = 200, kind: str = "application/json") -> Any:
        answer = self._client.post(address, body, content_type=kind, headers=self._head)
        assert answer.status_code == status, answer.content
        return answer.json()

    def save(self, *rules: object, base: int = 0, status: int = 201, **more: object) -> Any:
        return self.post(REVISIONS, {"content": {"rules": rules}, "base": base, **more}, status)


@pytest.fixture
def operator(site: Deployment) -> Operator:
    return Operator()


def test_without_revisions_nothing_is_done_with_events(operator: Operator) -> None:
    found = operator.get("/api/logic/")

    assert found == {
        "number": 0, "newest": 0, "since": None, "who": None, "reason": None, "content": {}, "counts": [],
    }  # fmt: skip


def test_a_revision_is_saved_made_current_and_read(operator: Operator) -> None:
    saved = operator.save(HOT, reason="first")
    again = operator.save(HOT, base=1, status=200)
    active = operator.post(f"{REVISIONS}1/activate/", {"expected": 0, "reason": "go"})

    assert (saved["number"], saved["base"], saved["reason"], saved["current"]) == (1, 0, "first", False)
    assert saved["createdBy"].startswith("key ")
    assert again == saved
    assert (active["number"], active["reason"], active["content"]) == (1, "go", {"rules": [HOT]})
    assert operator.get("/api/logic/") == active
    one = operator.get(f"{REVISIONS}1/")
    assert (one["current"], one["rules"], one["content"]) == (True, 1, {"rules": [HOT]})


def test_revisions_are_listed_newest_first_with_pages(operator: Operator) -> None:
    operator.save(HOT, activate=True)
    operator.save(HOT, COLD, base=1)
    operator.save(COLD, base=2)

    page = operator.get(f"{REVISIONS}?limit=2")

    assert [one["number"] for one in page["results"]] == [3, 2]
    assert [one["number"] for one in operator.get(page["next"])["results"]] == [1]


def test_two_revisions_are_compared_by_default_with_the_current_one(operator: Operator) -> None:
    operator.save(HOT, activate=True)
    operator.save(HOT, COLD, base=1)

    forth = operator.get(f"{REVISIONS}1/diff/?to=2")
    back = operator.get(f"{REVISIONS}2/diff/")
    none = operator.get(f"{REVISIONS}0/diff/?to=1")

    assert [(each["pointer"], each["what"]) for each in forth["changes"]] == [("/rules/1", "rule cold")]
    assert (back["before"], back["after"], back["text"].splitlines()[0]) == (2, 1, "- rule cold")
    assert none["changes"][0]["after"] == HOT
    for number in (7, 10**17):
        assert operator.get(f"{REVISIONS}{number}/diff/", 404)["code"] == "not_found"
        assert operator.get(f"{REVISIONS}{number}/", 404)["code"] == "not_found"
        assert operator.post(f"{REVISIONS}{number}/activate/", {}, 404)["code"] == "not_found"


def test_every_fault_is_in_the_problem_with_its_place(operator: Operator) -> None:
    wrong = {"name": "b", "when": "temperature >", "actions": ["tagg x"], "sources": ["plant-7"]}

    problem = operator.save(HOT, wrong, status=422)

    assert problem["code"] == "invalid_logic"
    errors = {each["pointer"]: each for each in problem["errors"]}
    place = "/content/rules/1"
    assert list(errors) == [f"{place}/when", f"{place}/actions/0", f"{place}/sources/0"]
    assert errors[f"{place}/when"]["line"] == 1
    assert "did you mean tag?" in errors[f"{place}/actions/0"]["detail"]
    assert problem["detail"].endswith("(and 2 more)")
    assert not LogicRevision.objects.exists()


def test_a_misspelled_member_is_named_with_the_nearest_one(operator: Operator) -> None:
    problem = operator.save({**HOT, "wen": "x"}, status=422)

    [error] = problem["errors"]
    assert (error["pointer"], error["detail"]) == ("/content/rules/0/wen", "unknown; did you mean when?")


def test_sources_without_events_may_be_named_if_that_is_meant(operator: Operator) -> None:
    rule = {**HOT, "sources": ["plant-*"]}

    operator.save(rule, status=422)
    operator.save(rule, allowUnmatched=True)
    Source.objects.create(source_id="plant-1")
    operator.save(rule, COLD, base=1)


def test_the_second_of_two_is_told_what_changed_and_goes_on_from_there(operator: Operator) -> None:
    operator.save(HOT, activate=True)
    operator.save(HOT, COLD, base=1, activate=True, reason="brr")

    problem = operator.save(COLD, base=1, status=409)
    late = operator.post(f"{REVISIONS}1/activate/", {"expected": 1}, 409)

    assert (problem["code"], problem["number"]) == ("logic_changed", 2)
    assert [each["what"] for each in problem["changes"]] == ["rule cold"]
    assert problem["detail"].endswith(": brr")
    assert (late["code"], late["number"]) == ("logic_changed", 2)
    operator.save(COLD, base=problem["number"])


def test_what_rules_did_in_the_last_day_stands_beside_them(operator: Operator) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    row = {"kind": "rule", "name": "hot", "partition": 0}
    RuleCount.objects.create(**row, source_id="", minute=now, applied=5, unknown=1)
    RuleCount.objects.create(**row, source_id="plant-1", minute=now, rejected=2)
    RuleCount.objects.create(**row, source_id="", minute=now - timedelta(hours=25), applied=9)

    [counts] = operator.get("/api/logic/")["counts"]

    assert counts == {
        "kind": "rule", "name": "hot", "applied": 5, "rejected": 2, "dropped": 0, "unknown": 1, "missed": 0, "errors": 0,
    }  # fmt: skip


def test_content_rules_and_expressions_are_checked_without_being_saved(operator: Operator) -> None:
    def check(**body: object) -> list[tuple[str, int]]:
        return [(each["pointer"], each["column"]) for each in operator.post("/api/logic/check/", body)["faults"]]

    assert check(content={"rules": [HOT]}) == []
    assert check(rule=HOT) == []
    assert check(expression="temperature + 1") == []
    assert [pointer for pointer, _ in check(content={"rules": [{**HOT, "actions": ["tagg x"]}]})] == [
        "/content/rules/0/actions/0"
    ]
    assert check(rule={**HOT, "when": "tempera < "})[0][0] == "/rule/when"
    assert check(rule={"name": "x"})[0][0] == "/rule"
    assert check(expression="1 + nosuch(x)")[0] == ("/expression", 5)
    assert operator.post("/api/logic/check/", {}, 400)["code"] == "invalid_parameter"
    assert operator.post("/api/logic/check/", {"rule": HOT, "expression": "1"}, 400)["code"] == "invalid_parameter"
    assert not LogicRevision.objects.exists()


def test_schemas_are_saved_as_versions_listed_and_read(operator: Operator) -> None:
    address, document = "/api/logic/schemas/", {"type": "object", "required": ["temperature"]}

    made = [operator.post(address, {"name": "weather", "document": each}, 201) for each in (document, {}, document)]
    problem = operator.post(address, {"name": "weather", "document": {"type": "objekt"}}, 422)

    assert [each["version"] for each in made] == [1, 2, 1]
    assert operator.get(f"{address}weather/")["document"] == {}
    assert operator.get(f"{address}weather/?version=1")["document"] == document
    assert [each["version"] for each in operator.get(address)["results"]] == [2, 1]
    assert problem["errors"][0]["pointer"].startswith("/document")
    assert operator.get(f"{address}weather/?version=3", 404)["code"] == "not_found"
    assert operator.get(f"{address}nothing/", 404)["code"] == "not_found"


def test_lookup_tables_are_saved_from_json_and_from_csv_files(operator: Operator) -> None:
    address, csv = "/api/logic/tables/", "id,name,high\n1,Seattle,true\n2,New York,false\n"

    first = operator.post(address, {"name": "stations", "key": "id", "csv": csv, "types": {"id": "text"}}, 201)
    second = operator.post(f"{address}?name=stations&key_column=id", csv, 201, kind="text/csv")
    wrong = operator.post(f"{address}?name=stations&key_column=id", "id,name\n1,x\n1,y\n", 422, kind="text/csv")

    assert (first["version"], second["version"], second["rows"]) == (1, 2, 2)
    assert [column["type"] for column in first["columns"]] == ["text", "text", "boolean"]
    assert [column["type"] for column in second["columns"]] == ["number", "text", "boolean"]
    assert operator.get(f"{address}stations/")["csv"] == csv
    assert wrong["errors"][0]["line"] == 3
    assert operator.post(f"{address}?name=stations", csv, 400, kind="text/csv")["code"] == "invalid_parameter"
    assert len(operator.get(address)["results"]) == 2


def test_only_a_key_for_all_sources_with_the_scope_admin_may_ask(site: Deployment, client: Client) -> None:
    addresses = [
        "",
        "revisions/",
        "revisions/1/",
        "revisions/1/diff/",
        "schemas/",
        "tables/",
        "schemas/x/",
        "tables/x/",
    ]
    for scopes, sources, code in (
        (["read"], [], "forbidden"), (["admin"], ["plant-*"], "source_not_allowed"),
    ):  # fmt: skip
        _, token = api_keys.create("other", scopes, sources=sources)
        for address in addresses:
            answer = client.get(f"/api/logic/{address}", headers={"Authorization": f"Bearer {token}"})
            assert answer.json()["code"] == code, address
    assert client.get("/api/logic/").json()["code"] == "unauthenticated"


def test_a_schema_is_proposed_from_the_newest_events_of_a_source(operator: Operator) -> None:
    address = "/api/sources/plant-1/schema/infer/"
    for number in range(3):
        event = make_event("plant-1", ts=NOON + timedelta(seconds=number), payload={"temperature": 20 + number})
        store(event)
        store_document(event)

    found = operator.post(address, {"events": 2})

    assert (found["sourceId"], found["events"]) == ("plant-1", 2)
    assert found["schema"]["properties"]["temperature"]["type"] == "integer"
    assert {"pointer": "/temperature", "claim": "required", "in": 2, "of": 2} in found["evidence"]
    assert operator.post("/api/sources/plant-2/schema/infer/", {}, 404)["code"] == "not_found"
    assert operator.post(address, {"events": 10_001}, 400)["code"] == "invalid_parameter"


def test_units_of_the_current_logic_are_shown_with_fields(operator: Operator) -> None:
    Source.objects.create(source_id="plant-1")
    account("plant-1")
    latest("plant-1", [("temperature", 21.5)])
    unit = {"sources": "plant-*", "field": "temperature", "unit": "degC"}

    before = get("/api/sources/plant-1/latest/")["fields"][0]["unit"]
    content = {"units": [unit]}
    operator.post(REVISIONS, {"content": content, "base": 0, "activate": True, "allowUnmatched": True}, 201)

    assert before is None
    assert get("/api/sources/plant-1/latest/")["fields"][0]["unit"] == "degC"
    assert get("/api/sources/plant-1/")["fields"][0]["unit"] == "degC"
