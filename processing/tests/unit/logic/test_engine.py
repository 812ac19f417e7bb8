"""How the events of a batch are judged: schema, rules, schema; each event by itself."""

from __future__ import annotations

import pytest

from processing.events.entries import Entries
from processing.events.judged import Judged
from processing.logic.content import Content, RuleContent, SchemaContent, SchemaMode, SchemaStage
from processing.logic.engine import Logic
from processing.logic.schemas.schema import compile_schema
from processing.tests.factories import make_entry, make_sent

SMALL = compile_schema({"type": "object", "properties": {"a": {"type": "number", "maximum": 10}}})
SET = RuleContent(name="set", when="a > 1", actions=["set b = a * 10", "tag set"])
RAISE = RuleContent(name="raise", actions=["set a = a + 100"])
REJECT = RuleContent(name="reject", when="a > 50", actions=['reject "too much"'])


def judged(
    *payloads: dict[str, object], rules: list[RuleContent], mode: SchemaMode = "off", check: SchemaStage = "before"
) -> Judged:
    content = Content(rules=rules, schemas=[SchemaContent("small", 1, ["sensor-*"], mode, check)])
    sent = [make_sent(number, payload=payload) for number, payload in enumerate(payloads)]
    return Logic(1, content, {"small": SMALL}).judge(Entries.of(map(make_entry, sent)))


def shown(found: Judged) -> list[tuple[dict[str, object], list[str]]]:
    rows = zip(found.kept.row_values, found.kept.made, strict=True)
    return [(values, list(made.tags) if made else []) for values, made in rows]


def test_what_no_rule_changes_is_as_it_was_sent() -> None:
    found = judged({"a": 1}, {"a": 0}, rules=[SET])

    assert (shown(found), found.kept.is_as_sent) == ([({"a": 1}, []), ({"a": 0}, [])], True)


def test_what_rules_add_follows_what_was_sent_as_it_was_spelled() -> None:
    kept = judged({"a": 2, "c": 1.0}, rules=[SET]).kept

    [made], [payload] = kept.made, kept.row_payloads
    assert made is not None
    assert (payload, made.values) == (b'{"a": 2, "c": 1.0,"b":20}', {"a": 2, "c": 1.0, "b": 20})
    assert (made.tags, made.is_changed) == (("set",), True)


def test_a_tag_alone_leaves_the_payload_as_it_was_sent() -> None:
    [made] = judged({"a": 2}, rules=[RuleContent(name="tag", actions=["tag seen"])]).kept.made

    assert made is not None
    assert (made.is_changed, made.tags, made.values) == (False, ("seen",), {"a": 2})


@pytest.mark.parametrize(
    "rules", [[], [RuleContent(name="idle", when="a > 1000", actions=["drop"])]], ids=["alone", "beside rules"]
)
@pytest.mark.parametrize("check", ["before", "after"])
def test_a_schema_tags_what_violates_it_or_makes_it_a_letter(rules: list[RuleContent], check: SchemaStage) -> None:
    warned = judged({"a": 3}, {"a": 30}, {"a": 4}, rules=rules, mode="warn", check=check)
    enforced = judged({"a": 3}, {"a": 30}, {"a": 4}, rules=rules, mode="enforce", check=check)

    assert shown(warned) == [({"a": 3}, []), ({"a": 30}, ["schema_violation"]), ({"a": 4}, [])]
    assert shown(enforced) == [({"a": 3}, []), ({"a": 4}, [])]
    assert [(one.entry.values, one.pointer) for one in enforced.rejected] == [({"a": 30}, "/payload/a")]


def test_a_schema_is_checked_before_rules_or_after_them() -> None:
    before = judged({"a": 3}, {"a": 30}, rules=[RAISE], mode="enforce", check="before")
    after = judged({"a": 3}, {"a": -99}, rules=[RAISE], mode="warn", check="after")

    assert shown(before) == [({"a": 103}, [])]
    assert shown(after) == [({"a": 103}, ["schema_violation"]), ({"a": 1}, [])]


def test_what_is_rejected_or_dropped_is_not_kept_and_is_counted() -> None:
    drop = RuleContent(name="drop", when="a < 0", actions=["drop"])

    found = judged({"a": 60}, {"a": -1}, {"a": 5}, rules=[REJECT, drop, SET])

    assert shown(found) == [({"a": 5, "b": 50}, ["set"])]
    assert [(one.rule, one.detail) for one in found.rejected] == [("reject", "too much")]
    assert [entry.values for entry in found.dropped] == [{"a": -1}]
    counts = {(account.name, account.source): tally for account, tally in found.counts.items()}
    assert counts["reject", "sensor-1"].rejected == counts["drop", "sensor-1"].dropped == 1
    assert counts["set", ""].applied == 1
