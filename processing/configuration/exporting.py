"""The configuration that a site has now."""

from __future__ import annotations

from django.db import connection

from ingestion.models import Source
from processing.configuration.model import Configuration, SchemaConfig, SourceConfig, TableConfig
from processing.logic.content import SchemaContent
from processing.logic.presentation import table_csv
from processing.logic.revisions import labels, rows
from processing.logic.tables.lookup_table import LookupTable
from processing.models import LookupTableVersion, SchemaVersion


def current() -> Configuration:
    """Return the sources and the current logic."""
    with connection.cursor() as cursor:
        content = rows.content_of(cursor, rows.current(cursor).number)
    return Configuration(
        sources=sources(),
        units=content.units,
        tables={name: table(name, version) for name, version in sorted(content.tables.items())},
        schemas=[schema(use) for use in content.schemas],
        rules=content.rules,
    )


def sources() -> dict[str, SourceConfig]:
    """Return the registry of sources, in the order of their ids."""
    found = Source.objects.order_by("source_id").values_list("source_id", "enabled", "labels")
    return {source: SourceConfig(enabled, labels.as_texts(given)) for source, enabled, given in found.iterator()}


def schema(use: SchemaContent) -> SchemaConfig:
    """Return a schema with its document."""
    row = SchemaVersion.objects.get(name=use.name, version=use.version)
    return SchemaConfig(use.name, use.sources, row.document, use.mode, use.check)


def table(name: str, version: int) -> TableConfig:
    """Return a lookup table with its rows; types are given where the cells alone would say another."""
    found = LookupTable.load(bytes(LookupTableVersion.objects.get(name=name, version=version).data))
    text = table_csv.write(found)
    inferred = LookupTable.from_csv(text, found.key).columns
    types = {column: kind for column, kind in found.columns.items() if inferred[column] != kind}
    return TableConfig(found.key, dict(types), csv=text)
