"""A site becomes as a configuration says: shown first, all of it or nothing, and the second time nothing."""

from __future__ import annotations

import pytest

from ingestion.models import Source
from processing.configuration import applying, exporting, parsing, yaml_writer
from processing.configuration.applying import Applied
from processing.logic.content import EMPTY, Content
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import shapes
from processing.models import LogicActivation, LogicRevision, LookupTableVersion, SchemaVersion

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

SITE = """
sources:
  plant-1: {labels: {site: north}}
  plant-2: {enabled: false}
units:
  - {sources: plant-*, field: temperature, unit: degC}
tables:
  halls:
    key: id
    types: {id: text}
    csv: |
      id,name
      7,North hall
schemas:
  - name: weather
    sources: [plant-*]
    document: {type: object, properties: {temperature: {type: number}}}
rules:
  - name: hot
    labels: {site: north}
    when: temperature > 30
    actions: [tag hot]
  - name: hall
    actions: ['set hall = lookup("halls", hall_id, "name")']
"""


def apply(text: str, *, prune: bool = False, dry_run: bool = False) -> Applied:
    parsed = parsing.parse(text)
    with parsing.placed(parsed.document):
        return applying.apply(parsed.configuration, who="ann", prune=prune, dry_run=dry_run, reason="why")


def content() -> Content:
    return shapes.current()["content"]


def counts() -> list[int]:
    return [
        model.objects.count() for model in (Source, SchemaVersion, LookupTableVersion, LogicRevision, LogicActivation)
    ]


def test_a_dry_run_shows_everything_that_would_change_and_changes_nothing() -> None:
    applied = apply(SITE, dry_run=True)

    assert applied.changed
    lines = applied.text.splitlines()
    assert lines[:2] == ["+ source plant-1: labels site=north", "+ source plant-2: disabled"]
    assert {line for line in lines if line.startswith("+ ")} >= {
        *("+ rule hot", "+ rule hall", "+ schema weather", "+ table halls", "+ unit of temperature of plant-*"),
        "+ labels of plant-1",
    }
    assert counts() == [0, 0, 0, 0, 0]


def test_applied_twice_it_changes_nothing_the_second_time() -> None:
    first = apply(SITE)
    made = counts()
    second = apply(SITE)

    assert (first.changed, first.revision, second.changed, second.revision, second.text) == (True, 1, False, 1, "")
    assert made == [2, 1, 1, 1, 1]
    assert counts() == made
    assert content().labels == {"plant-1": {"site": "north"}}
    row = LogicRevision.objects.get()
    assert (row.created_by, row.reason) == ("ann", "why")
    assert not Source.objects.get(source_id="plant-2").enabled


def test_what_a_site_exports_makes_another_site_the_same() -> None:
    apply(SITE)
    exported = yaml_writer.write(exporting.current())
    for model in (Source, SchemaVersion, LookupTableVersion, LogicRevision, LogicActivation):
        model.objects.all().delete()

    apply(exported)

    assert yaml_writer.write(exporting.current()) == exported
    assert not apply(exported, prune=True).changed


def test_what_it_does_not_name_stays_unless_it_is_pruned() -> None:
    apply(SITE)
    Source.objects.create(source_id="plant-3")
    smaller = "sources:\n  plant-1: {}\nrules:\n  - name: cold\n    actions: [tag cold]\n"

    kept = apply(smaller)
    names = [rule.name for rule in content().rules]
    pruned = apply(smaller, prune=True)

    assert [change.source for change in kept.sources] == ["plant-1"]
    assert "~ source plant-1: label site: north -> none" in kept.text
    assert names == ["cold", "hot", "hall"]
    assert [(change.source, change.after) for change in pruned.sources] == [("plant-2", None), ("plant-3", None)]
    assert "- source plant-2: disabled" in pruned.text
    assert [rule.name for rule in content().rules] == ["cold"]
    assert (content().tables, content().schemas, content().units, content().labels) == ({}, [], [], {})
    assert list(Source.objects.values_list("source_id", flat=True)) == ["plant-1"]


def test_changed_documents_and_tables_are_shown_line_by_line() -> None:
    apply(SITE)

    applied = apply(SITE.replace("North hall", "Main hall").replace("type: number", "type: integer"))

    assert "~ schema weather: version: 1 -> 2" in applied.text
    lines = applied.text.splitlines()
    assert {"    -    type: number", "    +    type: integer"} <= {line.replace("     ", "    ") for line in lines}
    assert {"    -7,North hall", "    +7,Main hall"} <= set(lines)


def test_nothing_is_applied_of_what_is_wrong_somewhere_and_each_fault_has_its_line() -> None:
    wrong = SITE.replace("temperature > 30", "temperature >").replace("7,North hall", "7,North hall,x")

    with pytest.raises(InvalidLogic) as of_table:
        apply(wrong)
    with pytest.raises(InvalidLogic) as of_rule:
        apply(SITE.replace("temperature > 30", "temperature >"))
    with pytest.raises(InvalidLogic) as of_source:
        apply("sources:\n  a b: {}\n")

    [fault] = of_table.value.faults
    assert (fault.pointer, fault.line) == ("/tables/halls/csv", 13)
    [fault] = of_rule.value.faults
    assert (fault.pointer, fault.line) == ("/rules/0/when", 21)
    [fault] = of_source.value.faults
    assert (fault.pointer, fault.line, fault.column) == ("/sources/a b", 2, 3)
    assert counts() == [0, 0, 0, 0, 0]


def test_a_rule_that_is_there_twice_is_refused_at_the_second_one() -> None:
    twice = "rules:\n  - {name: a, actions: [tag a]}\n  - {name: a, actions: [tag b]}\n"

    with pytest.raises(InvalidLogic) as refused:
        apply(twice)

    [fault] = refused.value.faults
    assert (fault.detail, fault.line) == ("this is there twice", 3)


def test_labels_that_change_alone_reach_the_logic_that_uses_them() -> None:
    apply(SITE)

    applied = apply(SITE.replace("site: north}}", "site: south}}"))

    assert applied.revision == 2
    assert content().labels == {}
    assert content() != EMPTY
