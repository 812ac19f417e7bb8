"""The probes of both ports, and the snapshots of the live feed, in the OpenAPI document."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict, get_args

from dashboard.live.messages import Channel
from dashboard.panels.columns import Interval
from dashboard.panels.series import Series
from dashboard.panels.snapshot_types import Overview
from dashboard.panels.status_news import StatusNews
from ingestion.probes import exposition
from ingestion.problems import Code
from queries.openapi import Json, parameters, problem_answers
from queries.openapi.operation import JSON, Access, Answer, Operation
from queries.openapi.parameter_kinds import choice
from queries.openapi.shapes import Shapes

TAG = "Probes"
LIVE = "/live/{channel}/"
METRICS = (exposition.CLASSIC, exposition.OPEN_METRICS)


class Alive(TypedDict):
    """The process runs."""

    status: Literal["ok", "alive"]


class Dependency(TypedDict):
    """Whether a server answers, and how fast; `refuses`: it answers, but with an error that does not pass by itself."""

    state: Literal["up", "down", "refuses"]
    latencyMs: float | None
    error: NotRequired[str]


class Guard(TypedDict):
    """Whether receivers accept events while processing is behind."""

    state: Literal["off", "open", "closed"]
    reason: str | None


class Readiness(TypedDict):
    """Whether the process can work. What it comes from is for internal addresses."""

    status: Literal["ready", "degraded", "unavailable"]
    dependencies: NotRequired[dict[str, Dependency]]
    guard: NotRequired[Guard]  # of the ingest port


class OverviewSnapshot(TypedDict):
    """The first message of the channel `overview`."""

    sample: Overview


class Tail(TypedDict):
    """The first message of the channel `tail`: the newest events as columns, oldest first."""

    seen: int | None
    stored: int | None
    looked: int
    atLeast: NotRequired[int]  # with `since`: what came since then
    shown: int
    columns: dict[str, list[str]]


class Snapshot(TypedDict):
    """What a subscription to a channel starts with; `data` is null while the stores do not answer."""

    type: Literal["snapshot"]
    channel: Channel
    now: int  # ms since the epoch
    data: object


SHAPES = Shapes([Alive, Readiness])
# The dashboard has types of its own with names that the read API has, too.
LIVE_SHAPES = Shapes([Snapshot, OverviewSnapshot, StatusNews, Tail, Series], prefix="Live.")
COMPONENTS: Json = {**SHAPES.components, **LIVE_SHAPES.components}


def paths() -> Json:
    """Return the items of the document."""
    return {
        "/healthz": {"get": _healthz().as_json()},
        "/readyz": {"get": _readyz().as_json()},
        "/metrics": {"get": _metrics().as_json()},
        LIVE: {"get": _live().as_json()},
    }


def _healthz() -> Operation:
    return Operation(
        name="getHealth",
        tag=TAG,
        summary="Ask whether the process runs",
        meaning="Of each port. Needs no key.",
        access=Access.FREE,
        answers=[Answer(200, "It does.", {JSON: SHAPES.of(Alive)})],
        codes=(*problem_answers.HTTP, Code.METHOD_NOT_ALLOWED),
    )


def _readyz() -> Operation:
    shape = {JSON: {"schema": SHAPES.of(Readiness)}}
    problem = problem_answers.answer(503, [Code.OVERLOADED])
    return Operation(
        name="getReadiness",
        tag=TAG,
        summary="Ask whether the process can work",
        meaning="Of each port: the web process needs PostgreSQL, the ingest process Kafka. Needs no key.",
        access=Access.FREE,
        answers=[Answer(200, "It can; `degraded`: with parts missing.", {JSON: SHAPES.of(Readiness)})],
        codes=(*problem_answers.HTTP, Code.METHOD_NOT_ALLOWED),
        others={503: {"description": "It can't.", "content": {**shape, **problem["content"]}}},
    )


def _metrics() -> Operation:
    return Operation(
        name="getMetrics",
        tag=TAG,
        summary="Get the metrics of the process",
        meaning="Of each port, for Prometheus: from internal addresses, or with the key of the setting DATAFLOW_METRICS_KEY.",
        access=Access.FREE,
        answers=[Answer(200, "The metrics.", {kind: {"type": "string"} for kind in METRICS})],
        codes=(*problem_answers.HTTP, Code.METHOD_NOT_ALLOWED, Code.FORBIDDEN),
    )


def _live() -> Operation:
    channel = {
        "name": "channel",
        "in": "path",
        "required": True,
        "description": "The channel.",
        "schema": {"type": "string", "enum": list(get_args(Channel))},
        "example": "overview",
    }
    source = parameters.one_source("Only events of this source; of which one, for `series`.")
    interval = choice("Length of the buckets of `series`.", get_args(Interval), "1h", usual="1m")
    return Operation(
        name="getLiveSnapshot",
        tag="Pipeline",
        summary="Get a snapshot of the live feed",
        meaning="What a subscription to a channel of the WebSocket /ws/live starts with, for clients that poll.",
        access=Access.READER,
        answers=[Answer(200, "The snapshot.", {JSON: _snapshot()}, ("Server-Timing",))],
        codes=(*problem_answers.READ, Code.NOT_FOUND),
        parameters=(
            channel,
            parameters.in_query("source_id", source),
            parameters.in_query("interval", interval),
        ),
    )


def _snapshot() -> Json:
    data = {"anyOf": [*map(LIVE_SHAPES.of, (OverviewSnapshot, StatusNews, Tail, Series)), {"type": "null"}]}
    return {"allOf": [LIVE_SHAPES.of(Snapshot), {"properties": {"data": data}}]}
