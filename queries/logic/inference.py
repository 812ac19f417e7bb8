"""Proposes a schema of a source's payloads."""

from __future__ import annotations

from typing import Annotated, TypedDict

import msgspec

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code, RequestRejected
from processing.logic.schemas.infer import MAX_EVENTS, Evidence
from processing.stores.mongodb.documents import DocumentsUnavailable
from processing.trials.infer import infer_schema
from queries.reads import postgres

SECONDS = 15.0  # for the documents of 10,000 events of the largest kind


class SchemaProposal(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """From how many of the newest events."""

    events: Annotated[int, msgspec.Meta(ge=1, le=MAX_EVENTS)] = MAX_EVENTS


class ProposedSchema(TypedDict):
    """A JSON Schema that accepts the newest events of a source, and what each of its claims rests on."""

    sourceId: str
    events: int
    schema: dict[str, object]
    evidence: list[Evidence]


def propose(source: str, body: SchemaProposal, *, scope: ReadScope) -> ProposedSchema:
    """Propose a schema that accepts the newest events of a source.

    :raises RequestRejected: it has no event, or MongoDB, which has what was sent, does not answer
    """
    scope.require_whole()
    try:
        with postgres.bounded(SECONDS):
            found = infer_schema(source, scope=scope, limit=body.events)
    except DocumentsUnavailable as error:
        raise RequestRejected(Code.STORE_UNAVAILABLE, "MongoDB does not answer; ask again later") from error
    if not found.events:
        raise RequestRejected(Code.NOT_FOUND, "no event of this source is stored")
    return {"sourceId": source, "events": found.events, "schema": found.schema, "evidence": found.evidence}
