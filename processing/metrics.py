"""Metrics of consumers and of processes that run jobs. The texts are the lines of docs/metrics.md."""

from __future__ import annotations

from math import nan

from prometheus_client import Counter, Gauge, Histogram

FRESH_SECONDS = 2.0  # from receipt to COMMIT: the freshness objective

EVENTS = Counter(
    "processing_events_total",
    "Lines of `raw-data` whose effects are committed: `stored`, `duplicate`, `dead_lettered`, `dropped`. They only rise: alert on"
    " their rate, and see `deadLetters` at `/api/pipeline/` for those that are open",
    ["outcome"],
)
outcomes = {name: EVENTS.labels(name) for name in ("stored", "duplicate", "dead_lettered", "dropped")}

FRESH = Counter(
    "processing_fresh_events_total",
    "Those of these lines whose batch had its effects so many seconds after the receipt of its oldest event: `2`",
    ["within"],
)
fresh = FRESH.labels("2")

BATCH_SECONDS = Histogram(
    "processing_batch_seconds",
    "From the first record of a batch to its COMMIT, outages included",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)

BATCH_EVENTS = Histogram(
    "processing_batch_events", "Events in one batch", buckets=(1, 10, 50, 100, 500, 1_000, 2_000, 5_000, 10_000)
)

STEP_SECONDS = Histogram(
    "processing_step_seconds",
    "One step of a batch, over all its attempts, waits for a store between them left out: `gather`, from its first record to its last;"
    " `decode`, `judge` by logic, `claim` progress, `rows`, `add_up` rollups and ledger, `commit`, `publish` to `processed-data`."
    " `documents` is written beside `rows`",
    ["step"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_STEPS = ("gather", "decode", "judge", "claim", "documents", "rows", "add_up", "commit", "publish")
step_seconds = {name: STEP_SECONDS.labels(name) for name in _STEPS}

STATEMENT_SECONDS = Histogram(
    "processing_statement_seconds",
    "One statement to a store: `copy` of rows, rollups or ledger to PostgreSQL, `fold` of these into their tables, `claim` of"
    " progress, `commit`; `insert` to MongoDB",
    ["store", "kind"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_KINDS = (*(("postgresql", kind) for kind in ("copy", "fold", "claim", "commit")), ("mongodb", "insert"))
statement_seconds = {pair: STATEMENT_SECONDS.labels(*pair) for pair in _KINDS}

# A receiver's clock that is ahead of PostgreSQL's counts as 0. The freshness objective is at 2 s.
OLDEST_AGE = Histogram(
    "processing_oldest_event_age_seconds",
    "Age of each batch's oldest event at COMMIT, since it was received; a receiver's clock that is ahead counts as 0. With"
    " exemplars of traces that callers began",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, FRESH_SECONDS, 2.5, 5, 10, 60, 600, 3_600),
)

LAG_RECORDS = Gauge(
    "processing_lag_records",
    "Records of one partition of this consumer that have no effects yet. Each partition has one consumer, so the sum over all of"
    ' them is the whole; `held="false"` leaves out what no further consumer could work off',
    ["partition", "held"],
)

LAG_SECONDS = Gauge(
    "processing_lag_seconds",
    "How long the oldest of these records has waited, at least; 0 without any. A held partition's counts from when this consumer"
    " got it",
    ["partition", "held"],
)

INCIDENTS = Counter("processing_incidents_total", "Incidents opened, by kind", ["kind"])

WAITING = Gauge("processing_waiting", "1 while a batch waits for a store")

WAITING_FOR = Gauge(
    "processing_waiting_for",
    "1 while the consumer waits for this one: `kafka`, `postgresql`, `mongodb`, or `operator`, somebody who has to act",
    ["reason"],
)
waiting_for = {name: WAITING_FOR.labels(name) for name in ("kafka", "postgresql", "mongodb", "operator")}

HELD = Gauge("processing_held_partitions", "Partitions that are assigned to this process and held")

LOGIC_ERRORS = Counter(
    "processing_logic_errors_total",
    "Events that rules or schemas failed on, by `rule` or `schema`; they go on as they were",
    ["kind"],
)

for _kind in ("rule", "schema"):
    LOGIC_ERRORS.labels(_kind)

LOGIC_REVISION = Gauge(
    "processing_logic_revision", "The revision of logic that judged this consumer's last batch; 0: there is no logic"
)
LOGIC_REVISION.set(nan)

# --- of processes that run jobs: the state of the whole, which each of them shows; take the largest ---

UNACCOUNTED = Gauge(
    "processing_unaccounted_events",
    "Lines that were read without one outcome, `unaccounted` at `/api/pipeline/`; anything but 0 means events that were lost or"
    " counted twice. Refreshed every 15 s, and the same on each process: take the largest",
)

BACKLOG_SECONDS = Gauge(
    "processing_backlog_seconds",
    "How long the oldest record that has no effects yet has waited, at least, also while no consumer runs; refreshed every 15 s",
)

PAUSED_SOURCES = Gauge(
    "processing_paused_sources", "Sources that are set aside because of their dead letters; refreshed every 15 s"
)

# On a process that does not run jobs nobody knows them, which is not 0.
for _gauge in (UNACCOUNTED, BACKLOG_SECONDS, PAUSED_SOURCES):
    _gauge.set(nan)

JOBS = Gauge("processing_jobs", "Jobs that are `queued`, `running` or `paused`; refreshed every 15 s", ["state"])

JOB_STEPS = Counter(
    "processing_job_steps_total", "Chunks of jobs that this process has done, by the kind of the job", ["kind"]
)

JOB_ERRORS = Counter(
    "processing_job_errors_total",
    "Chunks that failed, by the kind of the job: because a store did not answer, and then again later, or for good",
    ["kind"],
)
