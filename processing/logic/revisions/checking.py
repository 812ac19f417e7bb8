"""Checks a content before it is saved: everything that can be wrong with it, at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from django.db import connection

from processing.logic.content import EMPTY, Content, RuleContent
from processing.logic.expressions import units
from processing.logic.expressions.reading.parse import parse_expression
from processing.logic.faults import Fault, InvalidLogic
from processing.logic.revisions import loading
from processing.logic.revisions.checks import examples, form, known_sources, slow_patterns
from processing.logic.rules.rule import Rule, parse_rule
from processing.logic.tables.lookup_table import LookupTable


def check(content: Content, *, base: Content = EMPTY, allow_unmatched: bool = False) -> list[Rule]:
    """Return the rules of a content that can be saved.

    :param base: what was changed; sources that it names already are not looked for
    :param allow_unmatched: rules and schemas may name sources of which no event has come yet
    :raises InvalidLogic: with every fault that was found
    """
    wrong = list(form.unstorable(content)) or list(form.faults(content))
    if wrong:
        raise InvalidLogic(wrong)
    with connection.cursor() as cursor:
        named, wrong = loading.find_named(cursor, content)
    rules, of_rules = _parse(content, named.tables)
    wrong += of_rules
    wrong += _units(content)
    if not allow_unmatched:
        wrong += known_sources.unmatched(content, base=base)
    if wrong:
        raise InvalidLogic(wrong)
    wrong = list(slow_patterns.faults(content.rules, rules, base=base.rules)) or list(examples.faults(content, named))
    if wrong:
        raise InvalidLogic(wrong)
    return rules


def check_rule(rule: RuleContent, *, within: Content, allow_unmatched: bool = False) -> None:
    """Check a rule that would stand in a content, in the place of the one of its name or behind all.

    :raises InvalidLogic: with the faults of this rule, from its own root
    """
    names = [each.name for each in within.rules]
    index = names.index(rule.name) if rule.name in names else len(names)
    rules = [*within.rules[:index], rule, *within.rules[index + 1 :]]
    try:
        check(msgspec.structs.replace(within, rules=rules), base=within, allow_unmatched=allow_unmatched)
    except InvalidLogic as error:
        own = f"/rules/{index}"
        found = [fault._replace(pointer=fault.pointer[len(own) :]) for fault in error.faults if _is_in(own, fault)]
        if found:
            raise InvalidLogic(found) from error


def check_expression(text: str, pointer: str, *, within: Content) -> None:
    """Check an expression that would stand in a rule of a content.

    :raises InvalidLogic: it is none
    """
    with connection.cursor() as cursor:
        named, _ = loading.find_named(cursor, within)
    parse_expression(text, pointer=pointer, tables=named.tables)


def _is_in(pointer: str, fault: Fault) -> bool:
    return fault.pointer == pointer or fault.pointer.startswith(f"{pointer}/")


def rules_of(content: Content) -> list[Rule]:
    """Return the rules of a content that was checked before.

    :raises InvalidLogic: an older release checked it, and this one refuses it
    """
    with connection.cursor() as cursor:
        named, _ = loading.find_named(cursor, content)
    rules, wrong = _parse(content, named.tables)
    if wrong:
        raise InvalidLogic(wrong)
    return rules


def _parse(content: Content, tables: Mapping[str, LookupTable]) -> tuple[list[Rule], list[Fault]]:
    rules: list[Rule] = []
    wrong: list[Fault] = []
    for index, rule in enumerate(content.rules):
        try:
            rules.append(parse_rule(rule, f"/rules/{index}", tables=tables))
        except InvalidLogic as error:
            wrong += error.faults
    return rules, wrong


def _units(content: Content) -> Iterator[Fault]:
    for index, unit in enumerate(content.units):
        try:
            units.check(unit.unit)
        except units.InvalidUnit as error:
            yield Fault(f"/units/{index}/unit", str(error))
