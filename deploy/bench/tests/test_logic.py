"""The logics that the bench compares do what their names say to its events, or their figures would mean nothing."""

from __future__ import annotations

import msgspec
import pytest

from deploy.bench.load.events import make_events
from deploy.bench.logic.variants import SCHEMA, SITES, VARIANTS
from processing.events.entries import Entries
from processing.events.judged import Judged
from processing.logic.engine import Logic
from processing.logic.schemas.schema import compile_schema
from processing.logic.tables.lookup_table import LookupTable
from processing.tests.factories import make_entry, make_sent

CHANGING = {
    "a lookup that sets a field": ("station", ()),
    "a conversion that sets a field": ("temperature_f", ()),
    "a tag": (None, ("seen",)),
}


def judged(variant: str) -> Judged:
    events = [msgspec.json.decode(event) for event in make_events(300, prefix="bench")]
    sent = [
        make_sent(number, source=event["sourceId"], payload=event["payload"]) for number, event in enumerate(events)
    ]
    schemas, tables = {"reading": compile_schema(SCHEMA)}, {"sites": LookupTable.from_csv(SITES, "site")}
    return Logic(1, VARIANTS[variant], schemas, tables).judge(Entries.of(map(make_entry, sent)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_logic_keeps_all_events_and_changes_them_as_its_name_says(variant: str) -> None:
    found = judged(variant)

    assert len(found.kept) == 300
    field, tags = CHANGING.get(variant, (None, ()))
    changed = [made for made in found.kept.made if made]
    assert len(changed) == (300 if variant in CHANGING else 0)
    assert all(made.tags == tags and (field is None or field in made.values) for made in changed)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name.endswith(" rules")])
def test_the_first_comparison_of_each_rule_holds(variant: str) -> None:
    highest = [msgspec.json.decode(event)["payload"] for event in make_events(6_000, prefix="bench")]

    for rule in VARIANTS[variant].rules:
        field, _, bound = rule.when.partition(" and ")[0].split()
        assert all(payload[field] <= float(bound) for payload in highest)
