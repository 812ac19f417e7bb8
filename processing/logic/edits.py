"""Edits of a content by the names of its parts, so that they also fit one that somebody else has changed meanwhile. Pure."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from processing.logic.content import Content, RuleContent, SchemaContent


class UnknownRule(Exception):
    """The content has no rule of this name; show the names that it has."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no rule {name}")
        self.name = name


class Placed(NamedTuple):
    """A content with a rule at an index."""

    content: Content
    at: int  # index


def find_rule(content: Content, name: str) -> RuleContent:
    """Return a rule.

    :raises UnknownRule: there is none of this name
    """
    return content.rules[place_of(content, name) - 1]


def place_of(content: Content, name: str) -> int:
    """Return the place of a rule in the order, from 1.

    :raises UnknownRule: there is none of this name
    """
    names = [rule.name for rule in content.rules]
    if name not in names:
        raise UnknownRule(name)
    return names.index(name) + 1


def with_rule(content: Content, rule: RuleContent, *, instead_of: str, place: int) -> Placed:
    """Return the content with a rule at a place, from 1; behind all if the place is beyond them.

    :param instead_of: the rule that it replaces; empty, or a rule that is gone: none
    """
    others = [each for each in content.rules if each.name != instead_of]
    index = max(0, min(place - 1, len(others)))
    return Placed(msgspec.structs.replace(content, rules=[*others[:index], rule, *others[index:]]), index)


def without_rule(content: Content, name: str) -> Content:
    """Return the content without a rule.

    :raises UnknownRule: there is none of this name
    """
    rule = find_rule(content, name)
    return msgspec.structs.replace(content, rules=[each for each in content.rules if each is not rule])


def moved(content: Content, name: str, place: int) -> Content:
    """Return the content with a rule at another place, from 1.

    :raises UnknownRule: there is none of this name
    """
    return with_rule(content, find_rule(content, name), instead_of=name, place=place).content


def switched(content: Content, name: str, *, enabled: bool) -> Content:
    """Return the content with a rule enabled or disabled.

    :raises UnknownRule: there is none of this name
    """
    rule = msgspec.structs.replace(find_rule(content, name), enabled=enabled)
    return with_rule(content, rule, instead_of=name, place=place_of(content, name)).content


def with_schema(content: Content, use: SchemaContent) -> Content:
    """Return the content that uses a version of a schema, in the place of another one of its name, or behind all."""
    names = [each.name for each in content.schemas]
    index = names.index(use.name) if use.name in names else len(names)
    schemas = [*content.schemas[:index], use, *content.schemas[index + 1 :]]
    return msgspec.structs.replace(content, schemas=schemas)


def without_schema(content: Content, name: str) -> Content:
    """Return the content that does not use a schema."""
    return msgspec.structs.replace(content, schemas=[each for each in content.schemas if each.name != name])


def with_table(content: Content, name: str, version: int) -> Content:
    """Return the content that uses a version of a lookup table."""
    return msgspec.structs.replace(content, tables={**content.tables, name: version})


def without_table(content: Content, name: str) -> Content:
    """Return the content that does not use a lookup table."""
    tables = {each: version for each, version in content.tables.items() if each != name}
    return msgspec.structs.replace(content, tables=tables)
