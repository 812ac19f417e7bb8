"""Every JSON shape that the read API answers with (README, "The API"). Times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import Generic, Literal, TypedDict, TypeVar

from processing.ledger import Equation

Item = TypeVar("Item")


class Page(TypedDict, Generic[Item]):
    """A page of a list; `next` and `previous` are full addresses."""

    next: str | None
    previous: str | None
    results: list[Item]


class EventShape(TypedDict):
    """A stored event."""

    eventId: str
    sourceId: str
    timestamp: str
    receivedAt: str
    storedAt: str
    payload: dict[str, object]
    tags: list[str]


class Origin(TypedDict):
    """Where in Kafka an event came from; `line` counts from 0 within the record."""

    topic: str
    partition: int
    offset: int
    line: int


class DocumentOrigin(TypedDict):
    """As the document holds it: the topic by Kafka's id."""

    topicId: str
    partition: int
    offset: int
    line: int


class DocumentShape(TypedDict):
    """The raw document in MongoDB."""

    id: str  # hexadecimal
    eventId: str
    sourceId: str
    timestamp: str
    receivedAt: str
    payload: dict[str, object]
    attributes: dict[str, object]  # what came with the payload: CloudEvents' context attributes
    contentHash: str  # hexadecimal, since JavaScript can't hold 64 bits
    origin: DocumentOrigin


DocumentState = Literal["found", "absent", "unavailable"]


class EventDetail(EventShape):
    """One event with where it came from and its raw document."""

    origin: Origin
    document: DocumentShape | None
    documentState: DocumentState  # tells "there is none" from "MongoDB is away"


Stage = Literal[
    "received",
    "published",
    "processed",
    "stored",
    "published_again",
    "duplicate",
    "dead_lettered",
    # What was done about a dead letter
    "redriven",
    "edited",
    "failed",
    "closed",
    "parked",
    "discarded",
    "in_flight",
]
Outcome = Literal["stored", "dead_lettered", "closed", "discarded", "in_flight", "missing"]


class TraceStep(TypedDict):
    """One thing that happened to an event."""

    stage: Stage
    at: str | None  # None: not recorded
    detail: str
    origin: Origin | None
    letter: int | None  # the dead letter that it is about
    traceparents: list[str]  # of all requests whose events share the record


class TraceSearch(TypedDict):
    """How far the topic was looked through; it is cut after some seconds."""

    records: int
    seconds: float
    complete: bool


class Trace(TypedDict):
    """What became of one event, copy by copy if it was sent several times.

    `closed`: it was set aside, and what was sent instead of it ended well, under an id of its own where an edit gave one.
    `missing`: its record was processed, yet neither store nor a dead letter knows it; let `reconcile` look.
    """

    eventId: str
    sourceId: str | None  # None: not known
    outcome: Outcome
    steps: list[TraceStep]
    lag: LagShape | None  # of the partition in which it waits
    search: TraceSearch | None  # None: Kafka can't be asked


class Bucket(TypedDict):
    """Statistics of one field over one interval of event time, from `start`."""

    sourceId: str
    field: str
    start: str
    count: int
    sum: float | None  # None past the largest double
    avg: float | None
    min: float
    max: float


class Aggregate(TypedDict):
    """Buckets in order of source, field, start; empty ones are left out."""

    interval: str
    timezone: str
    results: list[Bucket]


class FieldShape(TypedDict):
    """A numeric field and its value in the newest event that had it."""

    name: str
    latest: float
    latestAt: str


class SourceShape(TypedDict):
    """A source: when it was heard, what it sent, what it last said."""

    sourceId: str
    firstSeen: str
    lastSeen: str
    latestEvent: str | None
    events: int  # stored
    fields: list[FieldShape]
    fieldsCapped: bool  # some fields are stored but not rolled up
    enabled: bool
    labels: dict[str, object]


class SourceEquation(Equation):
    """The account of one source; None holds the lines whose source can't be read."""

    sourceId: str | None  # noqa: N815 - a member of a JSON answer


class MinuteEquation(SourceEquation):
    """The account of one source and minute of receipt.

    What is in flight has no minute yet: it is None, and so is what was accepted, until nothing of that minute can be.
    """

    minute: str
    read: int  # taken from the topic so far


class RefusedMinute(TypedDict):
    """What the doors refused in one minute, by their own counters: events one by one, requests as a whole.

    By reason only: of what is refused the source is often not known.
    """

    minute: str
    refused: int
    reasons: dict[str, int]


class RecentMinute(TypedDict):
    """One of the last minutes, over all sources; `refused` is what the doors counted, None while Redis is away."""

    minute: str
    read: int
    stored: int
    duplicate: int
    deadLettered: int
    dropped: int
    unaccounted: int
    refused: int | None


class GapShape(TypedDict):
    """Records that nobody will ever read: `firstOffset` up to, not including, `nextOffset`."""

    topic: str
    partition: int
    firstOffset: int
    nextOffset: int | None  # None: not known
    records: int | None
    cause: str
    noticedAt: str


class LedgerMinutes(TypedDict):
    """A page of the ledger by minute and source, newest first, with the account of everything (or of the source)."""

    next: str | None
    previous: str | None
    at: str
    total: Equation
    inFlightEstimated: bool
    results: list[MinuteEquation]
    # The doors' own counters of the time asked for, else of the last hour; best effort, no part of the equation.
    # None while Redis can't be asked, and for one source, since doors don't count by source.
    refusedAtDoors: list[RefusedMinute] | None
    gaps: list[GapShape]  # the latest


class IncidentShape(TypedDict):
    """Something that an operator should know of, while it lasts."""

    kind: str
    subject: str
    detail: str
    since: str
    lastSeen: str
    count: int


class HeldShape(TypedDict):
    """A partition that no consumer reads until an operator says so."""

    topic: str
    partition: int
    since: str
    reason: str


class LagShape(TypedDict):
    """What one partition holds that has no effects yet."""

    topic: str
    partition: int
    records: int
    events: int  # estimated from the events a record had so far, unless 0
    seconds: float | None  # age of the last record with effects; 0 without lag, None before the first


class ConsumerShape(TypedDict):
    """A running consumer."""

    member: str
    partitions: list[int]
    since: str
    heartbeat: str
    state: str


class StoreState(TypedDict):
    """Whether a server answers, and how fast."""

    state: Literal["up", "down"]
    latencyMs: float | None


class Stores(TypedDict):
    """Every server the product stands on."""

    postgresql: StoreState
    mongodb: StoreState
    redis: StoreState
    kafka: StoreState


class GuardShape(TypedDict):
    """Whether a door lets events in while processing is behind; `off`: it always does."""

    state: Literal["off", "open", "closed"]
    reason: str | None


class DoorShape(TypedDict):
    """One door process by its own counters, which begin anew with the process."""

    process: str
    kind: Literal["ingest", "web", "grpc"]
    since: str
    acceptedPerSecond: float
    accepted: int  # events
    refused: dict[str, int]  # by reason code: events one by one, requests as a whole
    inFlightEvents: int
    inFlightBytes: int
    guard: GuardShape


class Doors(TypedDict):
    """The doors' own counters, each since its process' start, summed up. Best effort, no part of the ledger."""

    acceptedPerSecond: float
    accepted: int
    refused: dict[str, int]
    processes: list[DoorShape]


class Pipeline(TypedDict):
    """The whole line at one moment."""

    at: str
    ledger: Equation
    inFlightEstimated: bool
    sources: list[SourceEquation]
    moreSources: bool  # only those last seen are listed
    lag: list[LagShape] | None  # None while Kafka can't be asked
    lagAgeSeconds: float | None  # how old the answer from Kafka is
    consumers: list[ConsumerShape]
    held: list[HeldShape]
    incidents: list[IncidentShape]  # those that are not over
    doors: Doors | None  # None while Redis can't be asked
    stores: Stores
