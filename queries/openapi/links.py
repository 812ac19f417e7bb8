"""Which answers lead on to which operations, by what is in them (https://spec.openapis.org/oas/v3.1.1#link-object)."""

from __future__ import annotations

from typing import NamedTuple

from queries.openapi import Json


class Link(NamedTuple):
    """The way from an answer to an operation, with a value of the answer as a parameter."""

    answer: str  # the operation that gives it
    status: str
    operation: str
    parameter: str
    value: str  # a JSON pointer into the answer


LINKS = (
    Link("ingest", "202", "traceEvent", "event_id", "/eventId"),
    Link("getData", "200", "getEvent", "event_id", "/results/0/eventId"),
    Link("listEvents", "200", "traceEvent", "event_id", "/results/0/eventId"),
    Link("listSources", "200", "getSource", "source_id", "/results/0/sourceId"),
    Link("getLatest", "200", "getLatestOfSource", "source_id", "/results/0/sourceId"),
    Link("listDeadLetters", "200", "getDeadLetter", "number", "/results/0/id"),
    Link("listDeadLetters", "200", "redriveDeadLetter", "number", "/results/0/id"),
    Link("listDeadLetters", "200", "discardDeadLetter", "number", "/results/0/id"),
    Link("redriveDeadLetter", "202", "getJob", "number", "/id"),
    Link("redriveDeadLetters", "202", "getJob", "number", "/id"),
    Link("discardDeadLetter", "202", "cancelJob", "number", "/id"),
    Link("discardDeadLetters", "202", "cancelJob", "number", "/id"),
    Link("listJobs", "200", "getJob", "number", "/results/0/id"),
    Link("createKey", "201", "rotateKey", "prefix", "/prefix"),
    Link("createKey", "201", "expireKey", "prefix", "/prefix"),
    Link("createKey", "201", "revokeKey", "prefix", "/prefix"),
)


def add(operation: Json) -> None:
    """Add the links of an operation's answers."""
    for link in LINKS:
        if link.answer == operation["operationId"]:
            there = {"operationId": link.operation, "parameters": {link.parameter: f"$response.body#{link.value}"}}
            operation["responses"][link.status].setdefault("links", {})[link.operation] = there
