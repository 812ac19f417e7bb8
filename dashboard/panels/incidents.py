"""Incidents as cards: what is wrong, who is affected, and what to do about it as buttons.

`templates/dashboard/pipeline/incidents.html` shows them; each button names the permission that its action needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict

from django.urls import reverse

from dashboard.panels.notices import TITLES
from dashboard.panels.tables import letters_link, source_link
from ingestion.auth.read_scope import ReadScope
from processing.models import Hold, Incident
from queries.pipeline import held, incidents
from queries.pipeline.held import HeldPartition, Waits
from queries.pipeline.incidents import IncidentDetail

Kind = Incident.Kind
HOLD = "processing.change_hold"
SOURCE = "ingestion.change_failingsource"
ACKNOWLEDGE = "processing.change_incident"

# Single events, open until an operator acknowledges them. Other incidents close by themselves.
ENDED_BY_OPERATOR = (Kind.GAP, Kind.ROLLBACK, Kind.CRASH)
_WORSE = (Kind.OPERATOR, Kind.GAP, Kind.RETENTION, Kind.BREAKER, Kind.VERSION, Kind.UNREADABLE)
NAMED = 3  # sources whose dead letters held a partition, with a link each


class Button(TypedDict):
    """Something to do: a POST, or a way to a page that asks first."""

    text: str
    address: str
    permission: str  # empty: whoever sees the card may
    posts: bool
    main: bool


class Link(TypedDict):
    """Where to look."""

    text: str
    href: str


class Card(TypedDict):
    """One open incident, or a held partition."""

    id: int | None  # of the incident; None: a held partition without one
    kind: str
    subject: str
    title: str
    text: str
    tone: Literal["warn", "bad"]
    since: str
    lastSeen: str
    count: int
    acknowledgedAt: str | None
    acknowledgedBy: str
    links: list[Link]
    buttons: list[Button]


def cards(*, scope: ReadScope, waits: Mapping[int, Waits] | None = None) -> list[Card]:
    """Return the open incidents as cards, those that nobody has acknowledged and the worst first.

    :param waits: who waits in held partitions, by number, as far as it is known
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    partitions = held.read(scope=scope)
    found = {(each["kind"], each["subject"]): each for each in incidents.open_now(scope=scope)}
    # A held partition is an incident of its kind.
    holds = {(each["kind"], f"{each['topic']}/{each['partition']}"): each for each in partitions}
    made = [_of_partition(each, found.get(key), (waits or {}).get(each["partition"])) for key, each in holds.items()]
    made += [_card(each) for key, each in found.items() if key not in holds]
    return sorted(made, key=lambda card: (card["acknowledgedAt"] is not None, card["tone"] != "bad"))


def title(incident: IncidentDetail) -> str:
    """Return what an incident is, with its subject."""
    return f"{TITLES.get(incident['kind'], incident['kind'])}: {incident['subject']}"


def _of_partition(partition: HeldPartition, incident: IncidentDetail | None, waits: Waits | None) -> Card:
    where = f"{partition['topic']}, partition {partition['partition']}"
    return {
        "id": None if incident is None else incident["id"],
        "kind": partition["kind"],
        "subject": where,
        "title": f"{where} is held",
        "text": f"{partition['reason']}. No event is lost. {partition['remedy']}.",
        "tone": "bad",
        "since": partition["since"],
        "lastSeen": partition["since"],
        "count": 1,
        "acknowledgedAt": None if incident is None else incident["acknowledgedAt"],
        "acknowledgedBy": "" if incident is None else incident["acknowledgedBy"],
        "links": _failed(partition),
        "buttons": [*_of_held(partition, waits), *_acknowledge(incident)],
    }


def _card(incident: IncidentDetail) -> Card:
    return {
        "id": incident["id"],
        "kind": incident["kind"],
        "subject": incident["subject"],
        "title": title(incident),
        "text": incident["detail"],
        "tone": "bad" if incident["kind"] in _WORSE else "warn",
        "since": incident["since"],
        "lastSeen": incident["lastSeen"],
        "count": incident["count"],
        "acknowledgedAt": incident["acknowledgedAt"],
        "acknowledgedBy": incident["acknowledgedBy"],
        "links": _links(incident),
        "buttons": [*_buttons(incident), *_acknowledge(incident)],
    }


def _failed(partition: HeldPartition) -> list[Link]:
    return [
        {
            "text": f"{failed['letters']:,} dead letters of {failed['sourceId'] or 'an unreadable source'}",
            "href": letters_link(source_id=failed["sourceId"], fingerprint=failed["fingerprint"]),
        }
        for failed in partition["failures"][:NAMED]
    ]


def _links(incident: IncidentDetail) -> list[Link]:
    kind, subject = incident["kind"], incident["subject"]
    if kind == Kind.SOURCE:
        return [
            {"text": "Its dead letters", "href": letters_link(source_id=subject, state="open")},
            {"text": "The source", "href": source_link(subject)},
        ]
    places = {Kind.GAP: "#gaps", Kind.ROLLBACK: "#gaps", Kind.DISK: "#capacity", Kind.RETENTION: "#partitions"}
    if kind in places:
        return [{"text": "Where", "href": reverse("pipeline") + places[Kind(kind)]}]
    return [{"text": "The rules", "href": "/logic/"}] if kind == Kind.LOGIC else []


def _buttons(incident: IncidentDetail) -> list[Button]:
    if incident["kind"] == Kind.SOURCE:
        address = reverse("source-resume", args=[incident["subject"]])
        return [{"text": "Let it send now", "address": address, "permission": SOURCE, "posts": True, "main": True}]
    return []


def _of_held(partition: HeldPartition, waits: Waits | None) -> list[Button]:
    place = [partition["topic"], partition["partition"]]
    page = reverse("partition", args=place)
    breaker = partition["kind"] == Hold.Kind.BREAKER
    resume: Button = {
        # Where the next record can't be read, it is looked at once more.
        "text": "Resume" if breaker else "Try again",
        "address": reverse("partition-act", args=[*place, "resume"]),
        "permission": HOLD,
        "posts": True,
        "main": breaker,
    }
    others = {
        Hold.Kind.BREAKER: "Resume and set aside…",
        Hold.Kind.VERSION: "Set such records aside…",
        Hold.Kind.UNREADABLE: "Skip the batch…",
    }
    asks = others[Hold.Kind(partition["kind"])]
    ask: Button = {"text": asks, "address": page, "permission": HOLD, "posts": False, "main": False}
    who: Button = {
        "text": "Who waits" if waits is None else _waiting(waits),
        "address": page,
        "permission": "",
        "posts": False,
        "main": False,
    }
    return [resume, ask, who]


def _waiting(waits: Waits) -> str:
    count = len(waits["sources"]) + waits["more"]
    counted = "1 source waits" if count == 1 else f"{count:,} sources wait"
    return counted if waits["whole"] else f"At least {counted}"


def _acknowledge(incident: IncidentDetail | None) -> list[Button]:
    if incident is None or incident["acknowledgedAt"] is not None:
        return []
    ends = incident["kind"] in ENDED_BY_OPERATOR
    text = "Acknowledge, which closes it" if ends else "Acknowledge"
    address = reverse("incident-acknowledge", args=[incident["id"]])
    return [{"text": text, "address": address, "permission": ACKNOWLEDGE, "posts": True, "main": False}]
