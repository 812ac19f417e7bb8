"""The content of a revision as it is saved, exchanged as JSON and written as YAML."""

from __future__ import annotations

from typing import Literal

import msgspec

SchemaMode = Literal["off", "warn", "enforce"]
SchemaStage = Literal["before", "after"]


class ExampleInput(msgspec.Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """An event that a rule is tried on."""

    source_id: str
    payload: dict[str, object]
    timestamp: str = "2025-01-01T00:00:00Z"
    received: str = ""  # empty: as `timestamp`
    labels: dict[str, str] = {}


class ExampleOutput(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What is expected of it: exactly one of `payload`, `rejected` and `dropped`."""

    payload: dict[str, object] | None = None
    tags: list[str] = []
    rejected: str | None = None  # the reason
    dropped: bool = False


class Example(msgspec.Struct, forbid_unknown_fields=True):
    """Kept with a rule, and run each time that logic is saved: the event goes through all rules."""

    input: ExampleInput
    output: ExampleOutput


class RuleContent(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A rule as people write it. It is for events of `sources`, or of sources with all of `labels`; both empty: of every source."""

    name: str
    actions: list[str]  # `set FIELD = EXPRESSION`, `tag NAME`, …: processing.logic.rules
    sources: list[str] = []  # ids and patterns
    labels: dict[str, str] = {}
    when: str = ""  # empty: always
    enabled: bool = True
    note: str = ""
    examples: list[Example] = []


class SchemaContent(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which version of a schema is for which sources. The first of the list that is for a source is used."""

    name: str
    version: int
    sources: list[str]
    mode: SchemaMode = "warn"
    check: SchemaStage = "before"  # the rules: what was sent; or after them: what becomes the row


class UnitContent(msgspec.Struct, forbid_unknown_fields=True):
    """The unit of a field of some sources; pint's name of it."""

    sources: str  # an id or pattern
    field: str
    unit: str


class Content(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The logic of one revision. Rules go in order."""

    rules: list[RuleContent] = []
    schemas: list[SchemaContent] = []
    tables: dict[str, int] = {}  # version by name
    units: list[UnitContent] = []
    # Source -> labels, of those sources and labels that rules name: kept here, so that a revision never means another thing.
    labels: dict[str, dict[str, str]] = {}


EMPTY = Content()

decode = msgspec.json.Decoder(Content).decode
encode = msgspec.json.Encoder(order="deterministic").encode
