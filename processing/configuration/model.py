"""The configuration of a site, as it is written down."""

from __future__ import annotations

from typing import Any

import msgspec

from processing.logic.content import RuleContent, SchemaMode, SchemaStage, UnitContent


class SourceConfig(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A source of the registry."""

    enabled: bool = True
    labels: dict[str, str] = {}


class TableConfig(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A lookup table: the text of a CSV file, or the name of one beside the configuration."""

    key: str  # the column that `lookup` searches
    types: dict[str, str] = {}  # by column; those that are not given follow from the cells
    csv: str | None = None
    file: str | None = None


class SchemaConfig(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A schema and its use. The first of the list that is for a source is used."""

    name: str
    sources: list[str]
    document: dict[str, Any]
    mode: SchemaMode = "warn"
    check: SchemaStage = "before"


class Configuration(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a site is told to do, without secrets. What it does not name stays as it is, unless it is pruned."""

    sources: dict[str, SourceConfig] = {}
    units: list[UnitContent] = []
    tables: dict[str, TableConfig] = {}
    schemas: list[SchemaConfig] = []
    rules: list[RuleContent] = []
