"""The notices on top of the overview: servers that do not answer, incidents, held partitions."""

from __future__ import annotations

from typing import Literal, TypedDict

from ingestion.auth.read_scope import ReadScope
from queries.schemas import HeldShape, IncidentShape, Pipeline, Stores


class Notice(TypedDict):
    """One problem that an operator should see first."""

    tone: Literal["warn", "bad"]
    title: str
    text: str
    since: str | None  # RFC 3339; None: no start is known
    incident: bool  # or a held partition: dashboard.panels.incidents has what to do about it
    acknowledgedBy: str | None  # None: by nobody


OUTAGES: dict[Literal["kafka", "postgresql", "mongodb", "redis"], tuple[Literal["warn", "bad"], str, str]] = {
    "kafka": ("bad", "Kafka does not answer", "Receivers answer 503, and senders must retry. Stored events can be read."),
    "postgresql": ("bad", "PostgreSQL does not answer", "Events are accepted and wait in Kafka. They are stored and shown when PostgreSQL is back."),
    "mongodb": ("bad", "MongoDB does not answer", "Events are accepted and wait in Kafka. They are stored when MongoDB is back. Stored events can be read."),
    "redis": ("warn", "Redis does not answer", "No event is lost. Live numbers update more slowly, and the receivers' counters are not shown."),
}  # fmt: skip

TITLES = {
    "operator": "An operator is needed",
    "breaker": "A partition is held, too many events fail",
    "source": "A source is set aside",
    "version": "A partition is held, a newer release wrote its records",
    "unreadable": "A partition is held, its records can't be read",
    "crash": "An event that crashed a consumer was isolated",
    "gap": "Kafka deleted records before they were read",
    "rollback": "A server has lost what it had confirmed",
    "disk": "A volume fills up",
    "retention": "Waiting records may expire before they are read",
    "logic": "A rule fails and was paused",
}
_HOLDS = {"breaker", "version", "unreadable"}
_WORSE = {"operator", "gap", "retention"}


def of_line(line: Pipeline) -> list[Notice]:
    """Return the notices of a state of the pipeline, servers first."""
    held = {f"{each['topic']}/{each['partition']}" for each in line["held"]}
    incidents = [each for each in line["incidents"] if each["subject"] not in held or each["kind"] not in _HOLDS]
    return [
        *of_stores(line["stores"]),
        *_idle(line),
        *(_of_held(each, _by(line, each)) for each in line["held"]),
        *(_of_incident(each) for each in incidents),
    ]


def of_scope(scope: ReadScope) -> list[Notice]:
    """Return a notice for a reader whose pages are all empty."""
    if scope.sources is None or scope.sources:
        return []
    text = "You are in no group that names sources, or none of these has sent anything. An operator sets that in the admin."
    return [_own("warn", "There is no source that you may see", text)]


def of_stores(stores: Stores) -> list[Notice]:
    """Return a notice for each server that does not answer."""
    return [_own(tone, title, text) for name, (tone, title, text) in OUTAGES.items() if stores[name]["state"] == "down"]


def _idle(line: Pipeline) -> list[Notice]:
    waiting = any(partition["records"] for partition in line["lag"] or ())
    if line["consumers"] is None or line["consumers"] or not waiting:
        return []
    text = "Events are accepted and wait in Kafka. Start a consumer: manage.py consume."
    return [_own("bad", "No consumer runs", text)]


def _own(tone: Literal["warn", "bad"], title: str, text: str) -> Notice:
    """Return a notice of what is no incident, and lasts as long as it is seen."""
    return {"tone": tone, "title": title, "text": text, "since": None, "incident": False, "acknowledgedBy": None}


def _by(line: Pipeline, held: HeldShape) -> str | None:
    """Return who has acknowledged the incident of a held partition."""
    own = (held["kind"], f"{held['topic']}/{held['partition']}")
    return next((_acknowledged(each) for each in line["incidents"] if (each["kind"], each["subject"]) == own), None)


def _acknowledged(incident: IncidentShape) -> str | None:
    return None if incident["acknowledgedAt"] is None else incident["acknowledgedBy"]


def _of_held(held: HeldShape, by: str | None) -> Notice:
    where = f"{held['topic']}, partition {held['partition']}"
    text = f"{held['reason']}. No event is lost. {held['remedy']}."
    return {
        "tone": "bad",
        "title": f"{where} is held",
        "text": text,
        "since": held["since"],
        "incident": True,
        "acknowledgedBy": by,
    }


def _of_incident(incident: IncidentShape) -> Notice:
    kind = incident["kind"]
    return {
        "tone": "bad" if kind in _WORSE else "warn",
        "title": f"{TITLES.get(kind, kind)}: {incident['subject']}",
        "text": incident["detail"],
        "since": incident["since"],
        "incident": True,
        "acknowledgedBy": _acknowledged(incident),
    }
