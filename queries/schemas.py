"""The JSON types that the read API returns. Times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import Generic, Literal, NotRequired, Required, TypedDict, TypeVar

from processing.ledger.ledger import CountRange, Equation, SourceEquation
from processing.logic.explanation_shapes import LogicTrace

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


class EventCount(TypedDict):
    """How many events a list has. `estimated`: by the planner's statistics, which may be far off."""

    value: int
    kind: Literal["estimated", "exact"]


class EventList(Page[EventShape]):
    """A page of events, with the number of all of them if `count` asks for it."""

    count: NotRequired[EventCount]


class Origin(TypedDict):
    """The position of an event in Kafka; `line` counts from 0 within the record."""

    topic: str
    partition: int
    offset: int
    line: int


class DocumentOrigin(TypedDict):
    """The position as the document stores it: the topic by Kafka's id."""

    topicId: str
    partition: int
    offset: int
    line: int


class RequestShape(TypedDict, total=False):
    """What the request that brought an event was called by its client; each is there if the client sent it."""

    id: str  # X-Request-ID
    traceparent: str  # W3C trace context


class DocumentShape(TypedDict):
    """The raw document in MongoDB."""

    id: str  # hexadecimal
    eventId: str
    sourceId: str
    timestamp: str
    receivedAt: str
    payload: dict[str, object]
    attributes: dict[str, object]  # CloudEvents' context attributes
    request: RequestShape  # what it was called by its client
    contentHash: str  # hexadecimal, since numbers of JavaScript have 53 bits
    origin: DocumentOrigin


DocumentState = Literal["found", "absent", "unavailable"]


class EventDetail(EventShape):
    """One event with its position in Kafka and its raw document."""

    origin: Origin
    revision: int | None  # of the logic that made the payload and tags; None: there was none
    replay: int | None  # the job that made them anew; None: they are as they were stored
    document: DocumentShape | None
    # "absent": no document; "unavailable": MongoDB does not answer; "not_allowed": the reader may not read it
    documentState: DocumentState | Literal["not_allowed"]


Stage = Literal[
    "received",
    "published",
    "processed",
    "stored",
    "published_again",
    "duplicate",
    "dead_lettered",
    "dropped",
    # Actions on a dead letter
    "redriven",
    "edited",
    "failed",
    "closed",
    "parked",
    "discarded",
    "reopened",
    "in_flight",
]
Outcome = Literal["stored", "dead_lettered", "dropped", "closed", "discarded", "in_flight", "missing"]


class TraceStep(TypedDict):
    """One step in the history of an event."""

    stage: Stage
    at: str | None  # None: not recorded
    detail: str
    origin: Origin | None
    letter: int | None  # the number of its dead letter
    # Of all requests with events in the record; none if the reader may not see every source in it.
    traceparents: list[str]
    request: RequestShape | None  # of the stage received: the event's own; None: not known, or it had neither
    logic: LogicTrace | None  # of the stages processed, dead_lettered and dropped, if there was logic


class TraceSearch(TypedDict):
    """How much of the topic was searched. A search stops after some seconds."""

    records: int | None  # of all sources; None for a key for some of them
    seconds: float
    complete: bool


class LeftOut(TypedDict):
    """What a trace counts and does not show: of many with the same id it has the first and the newest."""

    deadLetters: int
    copies: int  # in the topic, which led to no row and no dead letter
    atLeast: bool  # there are more dead letters than are counted


class Trace(TypedDict):
    """The history of one event, copy by copy if it was sent several times.

    `closed`: it became a dead letter, which was redriven with success. An edited event may have another id.
    `missing`: its record was processed, but no store and no dead letter has it. Run `reconcile`.
    """

    eventId: str
    sourceId: str | None  # None: not known
    outcome: Outcome
    steps: list[TraceStep]
    leftOut: LeftOut
    lag: LagShape | None  # of the partition in which it is waiting; None for a key for some sources
    search: TraceSearch | None  # None: Kafka does not answer


class Numbers(TypedDict, total=False):
    """Statistics of numbers: `count`, and those that a query asks for."""

    count: Required[int]
    sum: float | None  # None past the largest double
    avg: float | None
    min: float | None  # None, as the rest, in a bucket without events
    max: float | None
    first: float | None  # by event time
    last: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class Bucket(Numbers):
    """Statistics of one series over one bucket, from `start`. `filled`: it has no event, and its numbers are from others."""

    sourceId: str | None  # None, as `field`, if the series is of several
    field: str | None
    start: str  # with the offset of the time zone
    filled: NotRequired[bool]


class Incomplete(TypedDict):
    """A source of which rollups have less than is stored: its events have the rest (an answer from rows has it)."""

    sourceId: str
    reason: Literal["fields_capped", "rollups_cut"]


Resolution = Literal["1h", "1m", "event"]
Origins = Literal["hourRollups", "minuteRollups", "rows"]


class ChartSeries(TypedDict):
    """One series of a chart: its columns are as long as `time`, with null where it has no event."""

    sourceId: str
    field: str
    name: str
    unit: str | None  # None: not known
    labels: dict[str, object]  # of the source
    count: list[int]
    avg: list[float | None]
    min: list[float | None]
    max: list[float | None]


Chart = TypedDict(
    "Chart",
    {
        "start": str,
        "end": str,
        "interval": str,
        "timezone": str,
        "from": Origins,
        "resolution": Resolution,
        "time": list[int],  # the start of each bucket, milliseconds since the epoch; none is before the range
        "series": list[ChartSeries],
        "incomplete": list[Incomplete],
    },
)
Chart.__doc__ = "The data of one chart."


class ChartRows(TypedDict):
    """The averages of a chart as rows: `time` in milliseconds since the epoch, and a member for each series by its name."""

    interval: str
    rows: list[dict[str, float | None]]


Aggregate = TypedDict(
    "Aggregate",
    {
        "interval": str,
        "timezone": str,
        "from": Origins,
        "resolution": Resolution,
        "start": str | None,  # of the first bucket; None: there is nothing
        "end": str | None,  # of the last bucket, exclusive
        "next": str | None,  # further series
        "results": list[Bucket],
        "incomplete": list[Incomplete],
    },
)
Aggregate.__doc__ = "Buckets in order of series and start. A page has whole series."


class FieldShape(TypedDict):
    """A numeric field and its value in the newest event that has it."""

    name: str
    latest: float
    latestAt: str
    unit: str | None  # None: not known


class SourceShape(TypedDict):
    """A source: when it sent events, how many, and the latest value of each numeric field."""

    sourceId: str
    firstSeen: str
    lastSeen: str
    latestEvent: str | None
    events: int  # stored
    fields: list[FieldShape]
    fieldsCapped: bool  # some fields are stored but not rolled up
    rollupsCutAt: str | None  # when the last events were stored but not rolled up
    enabled: bool
    labels: dict[str, object]


class Activity(TypedDict):
    """What was stored of what was received within a time up to now, and how many that are per second."""

    events: int
    perSecond: float


class ListedSource(SourceShape):
    """A source, and how much it has sent lately."""

    lastHour: Activity
    lastDay: Activity
    sparkline: list[int]  # events of each of the last 24 hours, oldest first; the last one is `lastHour`


class TypeShare(TypedDict):
    """How often a field had values of one type."""

    type: Literal["number", "text", "boolean", "null", "array", "object"]
    count: int
    percent: float  # of the events in the sample that have the field


class FieldTypes(TypedDict):
    """The types of a field's values, the most frequent first."""

    name: str  # its path
    count: int  # events in the sample that have it
    types: list[TypeShare]


class TypeSample(TypedDict):
    """The fields of the newest events of a source, with their types."""

    sampled: int  # events that were looked at
    oldest: str | None  # time of the oldest of them
    moreFields: bool  # only the most frequent ones are listed
    fields: list[FieldTypes]


class SourceDetail(ListedSource):
    """One source, with the types of its fields."""

    types: TypeSample


class LatestField(TypedDict):
    """The value of a numeric field in the newest event that has it."""

    name: str
    value: float
    at: str
    eventId: str
    unit: str | None  # None: not known


class LatestShape(TypedDict):
    """The latest values of a source, and its newest event."""

    sourceId: str
    fields: list[LatestField]
    event: EventShape | None  # None: nothing of it is stored


class LatestList(TypedDict):
    """The latest values of several sources, in order of source id."""

    results: list[LatestShape]
    missing: int  # sources that were named and of which nothing was ever read


class MinuteEquation(SourceEquation):
    """The account of one source and minute of receipt, or hour where the minutes are long past (`seconds`).

    `inFlight` and `accepted` are null until no event of that minute can be in flight any more.
    """

    minute: str  # its start
    seconds: int  # 60; 3,600 for an hour
    read: int  # from the topic, so far


class RefusedMinute(TypedDict):
    """What receivers rejected in one minute, by their own counters. An event counts as one, and so does a request.

    The counts are by reason. The source of a rejected event or request is often unknown.
    """

    minute: str
    refused: int
    reasons: dict[str, int]


class RecentMinute(TypedDict):
    """One of the last minutes, over all sources; `refused` is counted by the receivers, and null while Redis does not answer."""

    minute: str
    read: int
    stored: int
    duplicate: int
    deadLettered: int
    dropped: int
    unaccounted: int
    refused: int | None


class LostRecordsShape(TypedDict):
    """Records that Kafka lost before they were read: from `firstOffset` up to, not including, `nextOffset`."""

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
    inFlightEstimated: bool  # only the bounds in `inFlightRange` are known
    results: list[MinuteEquation]
    # The receivers' own counters of the requested time, by default of the last hour. Best effort, no part of the
    # equation. None while Redis does not answer, and if not all sources are requested: receivers do not count by source.
    refusedAtDoors: list[RefusedMinute] | None
    gaps: list[LostRecordsShape]  # the latest; none for a key for some sources, since partitions are shared


class IncidentShape(TypedDict):
    """A problem that needs an operator's attention, while it lasts."""

    kind: str
    subject: str
    detail: str
    since: str
    lastSeen: str
    count: int
    acknowledgedAt: str | None  # an operator has seen it, which ends nothing
    acknowledgedBy: str


class HeldShape(TypedDict):
    """A partition that no consumer reads until an operator acts, or a newer consumer can read it."""

    topic: str
    partition: int
    kind: str  # breaker, version, unreadable
    since: str
    reason: str
    remedy: str


class LagShape(TypedDict):
    """The records of one partition that are not processed yet."""

    topic: str
    partition: int
    records: int
    events: int | None  # counted by the records' headers; None: only bounds are known
    eventsRange: CountRange
    seconds: float | None  # age of the last processed record; 0 without lag, None before the first


class OpenLetters(TypedDict):
    """The dead letters that wait for an operator now, counted up to 10,000 of each state."""

    open: CountRange
    parked: CountRange


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
    """Every server that the product uses."""

    postgresql: StoreState
    mongodb: StoreState
    redis: StoreState
    kafka: StoreState


class GuardShape(TypedDict):
    """Backpressure of a receiver: whether it accepts events while processing is behind; `off`: always."""

    state: Literal["off", "open", "closed"]
    reason: str | None


class DoorShape(TypedDict):
    """One receiver process by its own counters, which start at 0 with the process."""

    process: str
    kind: Literal["ingest", "web", "grpc"]
    since: str
    acceptedPerSecond: float
    accepted: int  # events
    refused: dict[str, int]  # by reason code; an event counts as one, and so does a request
    inFlightEvents: int
    inFlightBytes: int
    guard: GuardShape


class Doors(TypedDict):
    """The sums of the receivers' own counters, each since the start of its process. Best effort, no part of the ledger."""

    acceptedPerSecond: float
    accepted: int
    refused: dict[str, int]
    processes: list[DoorShape]


class Pipeline(TypedDict):
    """The state of the pipeline at one moment. A key for some sources gets the account of these."""

    at: str
    ledger: Equation
    inFlightEstimated: bool  # only the bounds in `inFlightRange` are known
    sources: list[SourceEquation]
    moreSources: bool  # only the sources last seen are listed
    lag: list[LagShape] | None  # None while Kafka does not answer, and for a key for some sources
    lagAgeSeconds: float | None  # age of the answer from Kafka
    consumers: list[ConsumerShape] | None  # None for a key for some sources
    # Both are empty for a key for some sources: partitions are shared.
    held: list[HeldShape]
    incidents: list[IncidentShape]  # open ones
    deadLetters: OpenLetters
    doors: Doors | None  # None while Redis does not answer, and for a key for some sources
    stores: Stores


class KeyShape(TypedDict):
    """An API key without its token. No `sources` means all of them."""

    prefix: str
    name: str
    scopes: list[str]
    sources: list[str]
    rate: str
    createdAt: str | None
    createdBy: str  # a user, "key <prefix>" or "command line"; empty: not recorded
    lastUsedAt: str | None  # a minute or two behind; None: never, or not recorded
    secretIsCurrent: bool | None  # whether its hash hangs on the present secret; None: not known until it is used
    expiresAt: str | None  # None: never
    revokedAt: str | None


class KeyWithToken(KeyShape):
    """A new key with its token, which can't be read again."""

    token: str


class Keys(TypedDict):
    """Every API key, newest first."""

    results: list[KeyShape]


class ResumedPartition(TypedDict):
    """A partition that consumers read again. Up to `lenientUntil` any number of events may become dead letters."""

    topic: str
    partition: int
    lenientUntil: int
