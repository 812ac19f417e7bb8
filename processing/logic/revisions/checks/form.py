"""Checks the form of a content: names, numbers of parts, texts. `rules` checks each rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from ingestion.auth import source_patterns
from processing.logic.content import Content, RuleContent, UnitContent
from processing.logic.faults import Fault
from processing.logic.revisions.pointers import escaped

# What a person can still oversee, and a consumer compiles within a second.
MAX_RULES = 200
MAX_EXAMPLES = 20  # of a rule
MAX_SCHEMAS = 100
MAX_TABLES = 100
MAX_UNITS = 1000
MAX_PATTERNS = 100  # of a rule or a schema; and labels
MAX_NOTE = 2000  # characters
MAX_BYTES = 4 * 1024 * 1024  # of the whole content, as JSON

NAME_FORM = "1 to 64 letters, digits and . _ -, which begin with a letter or a digit"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def faults(content: Content) -> Iterator[Fault]:
    """Yield what is wrong with the form of a content."""
    yield from _numbers(content)
    yield from _rules(content.rules)
    yield from _schemas(content)
    for name in content.tables:
        yield from _name(f"/tables/{escaped(name)}", name)
    yield from _units(content.units)


def unstorable(content: Content) -> Iterator[Fault]:
    """Yield the texts that PostgreSQL can't hold, and the whole if it is too large."""
    wrong = False
    for pointer, text in _texts("", msgspec.to_builtins(content)):
        if "\0" in text or _SURROGATE.search(text):
            wrong = True
            yield Fault(pointer, "expected text without NUL and half surrogates")
    if not wrong and len(msgspec.json.encode(content)) > MAX_BYTES:
        yield Fault("", f"all together is over {MAX_BYTES:,} bytes")


def is_name(text: str) -> bool:
    """Return whether a schema or lookup table may have this name."""
    return bool(_NAME.fullmatch(text))


def _numbers(content: Content) -> Iterator[Fault]:
    bounds = {"rules": MAX_RULES, "schemas": MAX_SCHEMAS, "tables": MAX_TABLES, "units": MAX_UNITS}
    for member, most in bounds.items():
        yield from _at_most(f"/{member}", getattr(content, member), most)


def _at_most(pointer: str, parts: list[object] | dict[str, object], most: int) -> Iterator[Fault]:
    if len(parts) > most:
        yield Fault(pointer, f"expected at most {most}, got {len(parts):,}")


def _rules(rules: list[RuleContent]) -> Iterator[Fault]:
    yield from _doubled("/rules/{}/name", (rule.name for rule in rules))
    for index, rule in enumerate(rules):
        yield from _rule(f"/rules/{index}", rule)


def _rule(pointer: str, rule: RuleContent) -> Iterator[Fault]:
    bounds = {"examples": MAX_EXAMPLES, "sources": MAX_PATTERNS, "labels": MAX_PATTERNS}
    for member, most in bounds.items():
        yield from _at_most(f"{pointer}/{member}", getattr(rule, member), most)
    if len(rule.note) > MAX_NOTE:
        yield Fault(f"{pointer}/note", f"expected at most {MAX_NOTE:,} characters")
    for index, example in enumerate(rule.examples):
        output = example.output
        told = [output.payload is not None, output.rejected is not None, output.dropped]
        if sum(told) != 1:
            yield Fault(f"{pointer}/examples/{index}/output", "expected exactly one of payload, rejected and dropped")


def _schemas(content: Content) -> Iterator[Fault]:
    yield from _doubled("/schemas/{}/name", (schema.name for schema in content.schemas))
    for index, schema in enumerate(content.schemas):
        pointer = f"/schemas/{index}"
        yield from _name(f"{pointer}/name", schema.name)
        if not schema.sources:
            yield Fault(f"{pointer}/sources", "a schema needs a source or a pattern; * is every source")
        yield from _at_most(f"{pointer}/sources", list(schema.sources), MAX_PATTERNS)
        yield from _patterns(f"{pointer}/sources", schema.sources)


def _units(units: list[UnitContent]) -> Iterator[Fault]:
    yield from _doubled("/units/{}", ((unit.sources, unit.field) for unit in units))
    for index, unit in enumerate(units):
        if not source_patterns.is_pattern(unit.sources):
            yield Fault(f"/units/{index}/sources", f"expected {source_patterns.PATTERN_FORM}")
        if not unit.field:
            yield Fault(f"/units/{index}/field", "expected a field, such as temperature")


def _patterns(pointer: str, patterns: list[str]) -> Iterator[Fault]:
    for index, pattern in enumerate(patterns):
        if not source_patterns.is_pattern(pattern):
            yield Fault(f"{pointer}/{index}", f"expected {source_patterns.PATTERN_FORM}")


def _name(pointer: str, name: str) -> Iterator[Fault]:
    if not is_name(name):
        yield Fault(pointer, f"expected {NAME_FORM}")


def _doubled(pointer: str, names: Iterable[object]) -> Iterator[Fault]:
    seen: Counter[object] = Counter()
    for index, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            yield Fault(pointer.format(index), "this is there twice")


def _texts(pointer: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield f"{pointer}/{escaped(name)}", name
            yield from _texts(f"{pointer}/{escaped(name)}", member)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(f"{pointer}/{index}", item)
