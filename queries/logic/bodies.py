"""The JSON bodies that check, save and activate logic."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from processing.logic.content import Content, RuleContent
from processing.logic.revisions import pointers
from processing.logic.revisions.checks import reading

MOST = 2**31 - 1  # PostgreSQL's integer

RevisionNumber = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
Reason = Annotated[str, msgspec.Meta(max_length=1_000)]
# Read by `processing.logic.revisions.checks.reading`, which names the nearest valid word.
AnyContent = Annotated[
    dict[str, Any], msgspec.Meta(description="As in `Content`.", examples=[{"rules": [{"name": "hot", "actions": []}]}])
]
AnyRule = Annotated[dict[str, Any], msgspec.Meta(description="As in `RuleContent`.")]


class NewRevision(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The content to save. `base` is the revision that it was made from: the current one or the newest; 0: none."""

    content: AnyContent
    base: RevisionNumber
    reason: Reason = ""
    activate: bool = False  # otherwise it is a draft
    allow_unmatched: bool = False  # it may name sources of which no event has come yet


class Activation(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Make a revision current. With `expected` only if that one is current now."""

    expected: RevisionNumber | None = None
    reason: Reason = ""


class LogicCheck(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What to check: a content, a rule that would stand in the current logic, or an expression. One of them."""

    content: AnyContent | None = None
    rule: AnyRule | None = None
    expression: Annotated[str, msgspec.Meta(max_length=65_536)] | None = None
    allow_unmatched: bool = False


class NewSchema(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A JSON Schema 2020-12 of payloads."""

    name: str
    document: Any


class NewTable(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A lookup table as the text of a CSV file with a header. Types of columns that are not given follow from the cells."""

    name: str
    key: str  # the column that `lookup` searches
    csv: str
    types: dict[str, str] = msgspec.field(default_factory=dict)  # text, number or boolean, by column


def content_of(body: NewRevision | LogicCheck) -> Content:
    """Return the content in a body.

    :raises InvalidLogic: it has not the form of one
    """
    with pointers.below("/content"):
        return reading.convert(body.content, Content)


def rule_of(body: LogicCheck) -> RuleContent:
    """Return the rule in a body.

    :raises InvalidLogic: it has not the form of one
    """
    with pointers.below("/rule"):
        return reading.convert(body.rule, RuleContent)
