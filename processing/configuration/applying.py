"""Makes a site as a configuration says: everything of it in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from django.db import connection, transaction

from ingestion.auth import api_keys
from processing.configuration import documents, exporting, registry
from processing.configuration.model import Configuration
from processing.configuration.registry import SourceChange
from processing.logic.content import Content, RuleContent, SchemaContent, UnitContent
from processing.logic.faults import Fault, InvalidLogic
from processing.logic.revisions import diff, rows, saving, versions
from processing.logic.revisions.diff import Change
from processing.logic.revisions.pointers import escaped
from processing.logic.tables.lookup_table import LookupTable

Part = TypeVar("Part")


class Applied(NamedTuple):
    """What was changed, or would be."""

    revision: int  # that is current then
    sources: list[SourceChange]
    changes: list[Change]
    text: str  # all of it for people; empty: nothing

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return bool(self.sources or self.changes)


class _Written(NamedTuple):
    """The versions that the schemas and tables of a configuration have."""

    schemas: list[SchemaContent]
    tables: dict[str, int]


def apply(configuration: Configuration, *, who: str, prune: bool, dry_run: bool, reason: str = "") -> Applied:
    """Make the site as a configuration says. Doing it again changes nothing.

    :param prune: remove what it does not name
    :param dry_run: say what would change, and change nothing
    :raises InvalidLogic: it can't be applied; nothing of it was
    """
    with transaction.atomic(), connection.cursor() as cursor:
        rows.lock(cursor)
        before = rows.content_of(cursor, rows.current(cursor).number)
        sources = registry.changes(exporting.sources(), configuration.sources, prune=prune)
        written = _write(configuration, who=who)
        registry.carry_out(sources)
        revision = saving.change(
            lambda content: _merged(content, configuration, written, prune=prune),
            who=who, reason=reason, allow_unmatched=True,
        )  # fmt: skip
        after = rows.content_of(cursor, revision)
        applied = _applied(revision, sources, before, after)
        transaction.set_rollback(dry_run)
    if sources and not dry_run:
        api_keys.push(api_keys.SOURCES)
    return applied


def _write(configuration: Configuration, *, who: str) -> _Written:
    """Save the versions of schemas and tables that are not there yet."""
    wrong = list(registry.faults(configuration.sources))
    written = _Written([], {})
    for index, schema in enumerate(configuration.schemas):
        with _collected(wrong):
            row = versions.save_schema(schema.name, schema.document, who=who, pointer=f"/schemas/{index}")
            written.schemas.append(SchemaContent(schema.name, row.version, schema.sources, schema.mode, schema.check))
    for name, table in configuration.tables.items():
        pointer = f"/tables/{escaped(name)}"
        with _collected(wrong):
            if table.csv is None:
                raise InvalidLogic([Fault(pointer, "expected csv, the text of the table")])
            read = LookupTable.from_csv(table.csv, table.key, table.types, pointer=f"{pointer}/csv")
            written.tables[name] = versions.save_table(name, read, who=who, pointer=pointer).version
    if wrong:
        raise InvalidLogic(wrong)
    return written


@contextmanager
def _collected(wrong: list[Fault]) -> Iterator[None]:
    try:
        yield
    except InvalidLogic as error:
        wrong += error.faults


def _merged(content: Content, configuration: Configuration, written: _Written, *, prune: bool) -> Content:
    """Return the content with the parts of the configuration first, in its order."""
    old = Content() if prune else content
    return Content(
        rules=_first(configuration.rules, old.rules, _name),
        schemas=_first(written.schemas, old.schemas, _name),
        tables={**old.tables, **written.tables},
        units=_first(configuration.units, old.units, _field),
    )


def _name(part: RuleContent | SchemaContent) -> str:
    return part.name


def _field(unit: UnitContent) -> tuple[str, str]:
    return unit.sources, unit.field


def _first(wanted: Sequence[Part], others: Sequence[Part], key: Callable[[Part], object]) -> list[Part]:
    named = {key(part) for part in wanted}
    return [*wanted, *(part for part in others if key(part) not in named)]


def _applied(revision: int, sources: list[SourceChange], before: Content, after: Content) -> Applied:
    changes = diff.changes(before, after)
    texts = [registry.as_text(sources), diff.as_text(changes), documents.as_text(before, after)]
    return Applied(revision, sources, changes, "\n".join(filter(None, texts)))
