"""The head of the OpenAPI document, and the addresses beside the read API (setting POSTPROCESSING_HOOKS)."""

from __future__ import annotations

from dataflow_site.openapi import line_protocol, probes, receivers
from queries.openapi import Json, document

# `description` is what a page shows; the rest is in docs/.
ABOUT = """\
Send events, read what was stored, and manage dead letters, jobs and keys.

Names in JSON are camelCase, query parameters snake_case (camelCase works as well). Times are RFC 3339 in UTC. Ranges include
their start and exclude their end. Errors are `application/problem+json` (RFC 9457) with a stable `code`; a 503 and a 429 have
`Retry-After`. Each address works with a slash at its end and without it. Each address that is GET is HEAD, too. Where `format` is
among the parameters, it chooses the form of the answer: `json`, or `api` for a page. Exports and this document have their own.

A key is sent as `Authorization: Bearer` or as `X-API-Key`. A site that is open to everyone (`DATAFLOW_OPEN_READ`,
`DATAFLOW_OPEN_INGEST`, as on a laptop) needs none for reading and sending."""
WEB = {"url": "http://localhost:8080", "description": "The web port. It accepts events, too."}
INGEST = {"url": "http://localhost:8081", "description": "The ingest port."}
TAGS = {
    "Sending": "Events as JSON, NDJSON and CloudEvents, on both ports.",
    "Line protocol": "InfluxDB's write API, on both ports.",
    "Events": "What was stored.",
    "Sources": "Who sent it.",
    "Logic": "What is done with events between Kafka and the rows: rules, schemas, lookup tables.",
    "Pipeline": "What becomes of it: the ledger, and what is on its way.",
    "Dead letters": "What could not be stored.",
    "Jobs": "Long operations.",
    "Keys": "Who may send and read.",
    "Probes": "For load balancers and Prometheus, on both ports.",
    "About": "This API itself.",
}


def add(result: Json, **_: object) -> Json:
    """Add the addresses of receivers and probes, the servers and the tags."""
    everywhere = {**receivers.paths(), **line_protocol.paths(), **probes.paths()}
    for path, item in everywhere.items():
        result["paths"][path] = item
        if path != probes.LIVE:
            for operation in item.values():
                operation["servers"] = [INGEST, WEB]
    for part in (receivers, line_protocol, probes):
        _add_shapes(result["components"]["schemas"], part.COMPONENTS)
    result["info"]["description"] = ABOUT
    result["servers"] = [WEB]
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    return document.finish(result)


def _add_shapes(known: Json, more: Json) -> None:
    """Add types to those that are there.

    :raises ValueError: two of one name
    """
    twice = [name for name in known.keys() & more.keys() if known[name] != more[name]]
    if twice:
        raise ValueError(f"two types of one name: {', '.join(twice)}")
    known.update(more)
