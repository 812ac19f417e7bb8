"""What stands above everything on the overview while it lasts: servers that are away, incidents, held partitions."""

from __future__ import annotations

from typing import Literal, TypedDict

from processing.ledger import Equation
from queries.shapes import HeldShape, IncidentShape, Pipeline, Stores


class Notice(TypedDict):
    """One thing that an operator should see first."""

    tone: Literal["warn", "bad"]
    title: str
    text: str
    since: str | None  # RFC 3339; None: as of now


OUTAGES: dict[Literal["kafka", "postgresql", "mongodb", "redis"], tuple[Literal["warn", "bad"], str, str]] = {
    "kafka": ("bad", "Kafka does not answer", "The doors answer 503, and senders have to send again. What is stored can be read."),
    "postgresql": ("bad", "PostgreSQL does not answer", "Events are taken and wait in Kafka; they are stored and shown when it is back."),
    "mongodb": ("bad", "MongoDB does not answer", "Events are taken and wait in Kafka; they are stored when it is back. What is stored can be read."),
    "redis": ("warn", "Redis does not answer", "Nothing is lost. Live figures come more slowly, and what the doors count is not shown."),
}  # fmt: skip

TITLES = {
    "operator": "Someone has to act",
    "breaker": "A partition is held",
    "crash": "An event was isolated, since a consumer died of it",
    "gap": "Records are gone before they were read",
    "disk": "A volume fills up",
    "retention": "What waits may expire before it is read",
}
_WORSE = {"operator", "gap", "retention"}


def of_line(line: Pipeline) -> list[Notice]:
    """Say what is the matter, servers first."""
    held = {f"{each['topic']}/{each['partition']}" for each in line["held"]}
    incidents = [each for each in line["incidents"] if (each["kind"], each["subject"] in held) != ("breaker", True)]
    return [
        *of_stores(line["stores"]),
        *_idle(line),
        *(_of_held(each) for each in line["held"]),
        *(_of_incident(each) for each in incidents),
    ]


def of_stores(stores: Stores) -> list[Notice]:
    """Say which servers do not answer, and what that means."""
    return [
        {"tone": tone, "title": title, "text": text, "since": None}
        for name, (tone, title, text) in OUTAGES.items()
        if stores[name]["state"] == "down"
    ]


def verdict(account: Equation | None) -> str | None:
    """Put the ledger's equation into words; None: it can't be told."""
    if account is None:
        return None
    if account["unaccounted"]:
        return f"{account['unaccounted']:,} events that were read have no outcome, or two: run manage.py reconcile."
    if account["inFlight"] is None:
        return "Every event that was read has exactly one outcome; how many wait is not known while Kafka is away."
    return "Every event is accounted for."


def _idle(line: Pipeline) -> list[Notice]:
    waiting = any(partition["records"] for partition in line["lag"] or ())
    if line["consumers"] or not waiting:
        return []
    text = "Events are taken and wait in Kafka. Start one: manage.py consume."
    return [{"tone": "bad", "title": "No consumer runs", "text": text, "since": None}]


def _of_held(held: HeldShape) -> Notice:
    where = f"{held['topic']}, partition {held['partition']}"
    remedy = f"manage.py partitions resume {held['topic']} {held['partition']}"
    text = f"{held['reason']}. Nothing is lost; mend the cause, then run {remedy}."
    return {"tone": "bad", "title": f"{where} is held", "text": text, "since": held["since"]}


def _of_incident(incident: IncidentShape) -> Notice:
    kind = incident["kind"]
    return {
        "tone": "bad" if kind in _WORSE else "warn",
        "title": f"{TITLES.get(kind, kind)}: {incident['subject']}",
        "text": incident["detail"],
        "since": incident["since"],
    }
