"""Makes revisions of logic current, and judges events by them, one by one, as the slow interpreter does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Now

from processing.events.document_ids import document_id
from processing.logic import content as contents
from processing.logic.content import Content, RuleContent
from processing.logic.engine import Logic
from processing.logic.revisions import loading
from processing.logic.rules.explain import explain
from processing.logic.rules.results import Fate, Result
from processing.logic.tables.lookup_table import LookupTable
from processing.models import Event, LogicActivation, LogicRevision, LookupTableVersion, SchemaVersion
from processing.stores.mongodb import documents


def rule(name: str, *actions: str, when: str = "", sources: tuple[str, ...] = ()) -> RuleContent:
    return RuleContent(name, list(actions), sources=list(sources), when=when)


def save(content: Content) -> int:
    """Save a revision as it is, and return its number."""
    with transaction.atomic():
        number = (LogicRevision.objects.aggregate(last=Max("number"))["last"] or 0) + 1
        body = msgspec.json.decode(contents.encode(content))
        LogicRevision.objects.create(number=number, content=body, created_at=Now(), created_by="test")
    return number


def activate(number: int) -> int:
    LogicActivation.objects.create(revision=number, at=Now(), who="test")
    return number


def use(*rules: RuleContent, **rest: Any) -> int:
    """Make rules current, and return the number of their revision."""
    return activate(save(Content(rules=list(rules), **rest)))


def save_only(*rules: RuleContent) -> int:
    """Save rules as a draft, and return the number of their revision."""
    return save(Content(rules=list(rules)))


def save_schema(name: str, version: int, document: dict[str, Any]) -> None:
    SchemaVersion.objects.create(name=name, version=version, document=document, created_at=Now(), created_by="test")


def save_table(name: str, version: int, table: LookupTable) -> None:
    LookupTableVersion.objects.create(
        name=name,
        version=version,
        key=table.key,
        columns=[],
        rows=0,
        data=table.dump(),
        created_at=Now(),
        created_by="test",
    )


def load(number: int) -> Logic:
    with connection.cursor() as cursor:
        return loading.load(cursor, number)


def interpret(logic: Logic, document: Mapping[str, Any]) -> Result:
    """Judge the event of a document by the slow interpreter."""
    source = document["source"]
    _, result = explain(
        logic.rules_of(source),
        labels=logic.labels_of(source),
        tables=logic.tables,
        values=document["payload"],
        source=source,
        ts=document["ts_us"],
        received=document["received_us"],
        tags=(),
    )
    return result


def assert_rows_are_as_interpreted() -> None:
    """Each row has what the interpreter makes of its document by the revision of the row, and no document lacks one."""
    stored: dict[object, Mapping[str, Any]] = {each["_id"]: each for each in documents.database()["events"].find()}
    loaded: dict[int, Logic] = {}
    rows = list(Event.objects.all())
    for row in rows:
        number = row.revision or 0
        if number not in loaded:
            loaded[number] = load(number)
        result = interpret(loaded[number], stored[document_id(row.id, row.source_id)])
        assert (row.payload, tuple(row.tags or ()), result.fate) == (result.values, result.tags, Fate.KEPT)
    assert len(rows) == len(stored)
