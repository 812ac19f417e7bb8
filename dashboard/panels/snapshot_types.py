"""The types of a sample: the state of the pipeline as pages and the live feed show it."""

from __future__ import annotations

from typing import TypedDict

from dashboard.panels.notices import Notice
from dashboard.panels.rates import Rates
from dashboard.panels.status_line import StatusLine
from dashboard.panels.verdict import Told, Verdict
from processing.ledger.ledger import Equation
from queries.schemas import ConsumerShape, DoorShape, Stores


class Lag(TypedDict):
    """The lag over all partitions."""

    records: int
    seconds: float | None  # of the partition that is furthest behind


class SourceRow(TypedDict):
    """One row of a list of sources."""

    sourceId: str
    lastSeen: int  # ms since the epoch
    events: int
    values: dict[str, float]  # the first few fields by name


class Refusals(TypedDict):
    """The number of rejections for one reason."""

    code: str
    meaning: str
    count: int


class Doors(TypedDict):
    """The receivers' own counters, each since the start of its process."""

    acceptedPerSecond: float
    accepted: int
    refused: int
    reasons: list[Refusals]  # the most frequent first
    processes: list[DoorShape]


class Overview(TypedDict):
    """One sample of the whole pipeline; None: unknown."""

    at: int  # ms since the epoch
    notices: list[Notice]
    status: StatusLine
    ledger: Equation | None
    told: Told | None  # the numbers that may be ranges, as text
    verdict: Verdict | None  # the equation in words
    rates: Rates  # of this moment
    lag: Lag | None
    consumers: list[ConsumerShape] | None
    doors: Doors | None
    stores: Stores | None
    sources: list[SourceRow] | None
