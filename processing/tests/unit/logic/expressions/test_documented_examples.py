"""Each line of the table in `docs/expressions.md` is so, by the interpreter and by generated code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from ingestion.events import timestamps
from processing.logic.content import RuleContent
from processing.logic.expressions.functions import FUNCTIONS
from processing.logic.expressions.interpreter import Surroundings, evaluate
from processing.logic.expressions.kinds import BOOLEAN, fits
from processing.logic.expressions.reading.calls import SPECIAL
from processing.logic.expressions.reading.parse import parse_expression
from processing.logic.rules.program import compile_program
from processing.logic.rules.rule import parse_rule
from processing.logic.tables.lookup_table import LookupTable
from processing.tests.unit.logic.rules.programs import run_one

PAGE = Path("docs/expressions.md").resolve().read_text()
TABLES = {"stations": LookupTable.from_csv("id,name,height\nA1,Harbour,12.5\n", "id")}
LABELS = {"site": "north"}
TIME = timestamps.from_text("2025-04-11T12:00:00Z")
RECEIVED = TIME + 90_000_000
SOURCE, TAGS = "plant-1", ("hot",)
UNKNOWN = "unknown"


class Line(NamedTuple):
    """One example, as it is written."""

    expression: str
    event: str
    result: str


LINES = [Line(*found) for found in re.findall(r"^\| `(.+?)` \| `(\{.*\})` \| `?(.+?)`? \|$", PAGE, re.MULTILINE)]


def test_the_table_is_found_whole() -> None:
    section = PAGE.partition("\n## Examples\n")[2].partition("\n## ")[0]

    assert len(LINES) == section.count("\n| `") > 100


def as_written(value: object) -> str:
    return UNKNOWN if value is None else json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.expression} of {line.event}")
def test_the_interpreter_gives_what_is_documented(line: Line) -> None:
    node = parse_expression(line.expression, pointer="", tables=TABLES)

    result = evaluate(node, Surroundings(json.loads(line.event), SOURCE, TIME, RECEIVED, TAGS, LABELS, TABLES))

    assert as_written(result) == line.result


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.expression} of {line.event}")
def test_a_rule_sets_what_is_documented(line: Line) -> None:
    content = RuleContent(name="example", actions=[f"set result = {line.expression}"])
    program = compile_program([parse_rule(content, "", tables=TABLES)], labels=LABELS, tables=TABLES)
    assert program is not None

    result = run_one(program, json.loads(line.event), SOURCE, TIME, RECEIVED, TAGS)

    assert result is not None
    assert as_written(result.values.get("result")) == line.result
    assert program.take_counts()["example"].unknown == (line.result == UNKNOWN)


CONDITIONS = [
    line for line in LINES if fits(parse_expression(line.expression, pointer="", tables=TABLES).kind, BOOLEAN)
]


@pytest.mark.parametrize("negated", [False, True], ids=["when", "when not"])
@pytest.mark.parametrize("line", CONDITIONS, ids=lambda line: f"{line.expression} of {line.event}")
def test_a_rule_acts_on_true_alone(line: Line, negated: bool) -> None:
    content = RuleContent(
        name="example", when=f"not ({line.expression})" if negated else line.expression, actions=["tag acted"]
    )
    program = compile_program([parse_rule(content, "", tables=TABLES)], labels=LABELS, tables=TABLES)
    assert program is not None

    result = run_one(program, json.loads(line.event), SOURCE, TIME, RECEIVED, TAGS)

    assert (result is not None and "acted" in result.tags) == (line.result == ("false" if negated else "true"))


def test_every_function_is_documented_with_an_example() -> None:
    documented = set(re.findall(r"(\w+)\(", PAGE.partition("\n## Functions\n")[2].partition("\n## ")[0]))
    shown = {name for line in LINES for name in re.findall(r"(\w+)\(", line.expression)}

    assert {*FUNCTIONS, *SPECIAL} <= documented & shown
