"""Mends as actions of rules."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard.pages.letters import rules
from processing.dead_letters.mending import steps
from processing.logic.rules.actions import parse_action


def test_a_mend_of_the_payload_is_a_rule_that_the_language_takes() -> None:
    mend = steps.from_json(
        [
            {"do": "set", "field": "payload.site.name", "value": 'no"rth'},
            {"do": "set", "field": "payload.ok", "value": True},
            {"do": "rename", "field": "payload.temp", "to": "payload.temperature"},
            {"do": "remove", "field": "payload.tags"},
            {"do": "cast", "field": "payload.n", "to": "number"},
        ]
    )

    address = rules.address(mend, "plant-1")

    given = parse_qs(urlsplit(str(address)).query)
    actions = given["actions"][0].split("\n")
    assert given["sources"] == ["plant-1"]
    assert actions == [
        'set payload.site.name = "no\\"rth"', "set payload.ok = True", "rename payload.temp to payload.temperature",
        "remove payload.tags", "set payload.n = number(payload.n)",
    ]  # fmt: skip
    for action in actions:
        parse_action(action, pointer="", tables={})


@pytest.mark.parametrize(
    "step",
    [
        {"do": "received_time"},
        {"do": "remove", "field": "site"},
        {"do": "remove", "field": "payload.odd key"},
        {"do": "rename", "field": "site", "to": "payload.site"},
        {"do": "cast", "field": "payload.n", "to": "boolean"},
        {"do": "set", "field": "payload.n", "value": None},
    ],
)
def test_what_rules_can_not_do_is_no_rule(step: object) -> None:
    assert rules.address(steps.from_json([step]), "plant-1") is None
