"""Makes revisions of logic current, and judges events by them, one by one, as the slow interpreter does."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Now

from processing.logic import content as contents
from processing.logic.content import Content, RuleContent
from processing.logic.engine import Logic
from processing.logic.revisions import loading
from processing.models import LogicActivation, LogicRevision, SchemaVersion


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


def save_schema(name: str, version: int, document: dict[str, Any]) -> None:
    SchemaVersion.objects.create(name=name, version=version, document=document, created_at=Now(), created_by="test")


def load(number: int) -> Logic:
    with connection.cursor() as cursor:
        return loading.load(cursor, number)
