"""Proposes a schema for the last events of a source."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from processing.events.document_ids import document_id
from processing.logic.schemas.infer import MAX_EVENTS, Proposal, infer
from processing.logic.schemas.options import Values
from processing.stores.mongodb import documents
from processing.stores.mongodb.stored_events import plain_payload

_CHUNK = 200  # documents at once, of up to 256 KiB each
_LAST = "SELECT id FROM events WHERE source_id = %s ORDER BY ts DESC, id DESC LIMIT %s"


def infer_schema(source: str, *, scope: ReadScope, limit: int = MAX_EVENTS) -> Proposal:
    """Propose a schema for what a source has sent, by its last events; for an unknown source without any evidence.

    :param limit: events, at most 10,000
    :raises DocumentsUnavailable: MongoDB does not answer
    """
    return infer(_payloads(source, limit)) if scope.includes(source) else infer([])


def _payloads(source: str, limit: int) -> Iterator[Values]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [source, min(limit, MAX_EVENTS)])
        keys = [document_id(id_, source) for (id_,) in cursor.fetchall()]
    for start in range(0, len(keys), _CHUNK):
        yield from map(plain_payload, documents.payloads(keys[start : start + _CHUNK]))
