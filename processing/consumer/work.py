"""What the steps of a batch work on and with: the batch, the results of an attempt, the stores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from processing.consumer.crashes.crash_isolation import CrashIsolation
from processing.consumer.measuring.step_clock import StepClock
from processing.consumer.operator_incident import OperatorIncident
from processing.events.batch import Batch, Record
from processing.events.entries import Entries
from processing.events.ledger_deltas import LedgerDeltas
from processing.events.rollup_budget import Allotment, RollupBudget
from processing.events.rollups import Spans, by_hour, roll_up
from processing.kafka.end_offsets import OffsetsReader
from processing.kafka.processed_topic import ProcessedTopic
from processing.kafka.topic_log import TopicLog
from processing.logic.current_logic import CurrentLogic
from processing.partitions.circuit_breaker import BreakerUpdate, CircuitBreaker
from processing.stores.mongodb.document_store import DocumentStore, Verdict
from processing.stores.mongodb.recently_stored import RecentlyStored
from processing.stores.row_store import RowStore


@dataclass(frozen=True, slots=True)
class Retry:
    """A step's answer that the transaction has to be rolled back and the batch stored again."""

    reason: str
    careful: bool = True  # the next batches may meet the same


StepResult = Retry | None  # None: go on with the next step


@dataclass(slots=True)
class Topic:
    """The topic a batch comes from."""

    kafka_id: UUID
    name: str
    row: int = 0  # its id in PostgreSQL


@dataclass(slots=True)
class Attempt:
    """What was computed and written for the present records of a batch; replaced as a whole when these change."""

    prepared: bool = False
    spans: tuple[Spans, Spans] | None = None  # rollups by minute and by hour, of `rolled_up`
    rolled_up: Entries | None = None  # the object itself: a changed batch has another one
    allotment: Allotment | None = None  # decided once, before any row is written
    writing: Future[Verdict] | None = None
    verdict: Verdict | None = None  # kept for the next transaction: documents are written once
    gains: LedgerDeltas = field(default_factory=dict)
    breaker_update: BreakerUpdate = field(default_factory=BreakerUpdate)
    committed: Callable[[], None] | None = None

    def allot(self, batch: Batch, budget: RollupBudget) -> None:
        """Decide which events of the batch are rolled up, and roll them up; once for each attempt."""
        if self.allotment is None:
            self.allotment = budget.allot(batch.entries)
            self.spans, self.rolled_up = (self.allotment.minutes, by_hour(self.allotment.minutes)), batch.entries
            batch.is_cut = bool(self.allotment.cut)

    def roll_up(self, entries: Entries) -> tuple[Spans, Spans]:
        """Return the rollups of some entries; computed once for each object that holds them."""
        if self.spans is None or self.rolled_up is not entries:
            self.spans, self.rolled_up = roll_up(entries), entries
        return self.spans


@dataclass(slots=True)
class Work:
    """One batch on its way through the steps."""

    batch: Batch
    topic: Topic
    alone: bool = False  # one record that may end the process: nothing is done beside it
    attempt: Attempt = field(default_factory=Attempt)
    repeats: int = 0  # events that a store knew already; while there are any, the careful path is used
    step: str = ""  # that runs, or failed
    trial: bool = False  # a part of a batch, whose effects are undone
    held: set[int] = field(default_factory=set)  # partitions whose later records must not go to the stores
    newer: dict[int, Record] = field(default_factory=dict)  # by partition: the next record, of a newer release
    clock: StepClock = field(default_factory=StepClock)
    rejudged: bool = False  # by another revision of logic, after an attempt that may have left documents


@dataclass(slots=True)
class Stores:
    """What the steps work with, one set for each consumer process."""

    rows: RowStore = field(default_factory=RowStore)
    documents: DocumentStore = field(default_factory=DocumentStore)
    delivery: ProcessedTopic = field(default_factory=ProcessedTopic)
    log: TopicLog = field(
        default_factory=lambda: TopicLog(OffsetsReader(settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_TOPIC_RAW_DATA))
    )
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    budget: RollupBudget = field(default_factory=RollupBudget)
    writers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "documents"))
    recent: RecentlyStored = field(default_factory=RecentlyStored)
    # Rows are copied straight into the table until a batch meets existing rows. They then go through a staging table
    # until a batch meets none.
    careful: bool = False

    alarm: OperatorIncident = field(init=False)
    crashes: CrashIsolation = field(init=False)
    logic: CurrentLogic = field(default_factory=CurrentLogic)

    def __post_init__(self) -> None:
        self.alarm, self.crashes = OperatorIncident(self.rows), CrashIsolation(self.rows)

    def close(self) -> None:
        self.delivery.close()
        self.log.close()
        self.crashes.close()
        self.documents.close()
        self.rows.close()
        self.writers.shutdown(wait=False, cancel_futures=True)


Step = Callable[[Stores, Work], StepResult]
