"""The tables of processing in PostgreSQL; the consumer writes events with its own SQL (processing.stores.row_store)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CompositePrimaryKey


class Topic(models.Model):
    """A Kafka topic by its id, so that a recreated topic of the same name is another one."""

    id = models.SmallAutoField(primary_key=True)
    kafka_id = models.UUIDField(unique=True)
    name = models.CharField(max_length=249)

    class Meta:
        db_table = "topic"

    def __str__(self) -> str:
        return self.name


class Progress(models.Model):
    """The offset up to which one partition's effects are committed; updated in the transaction of the effects."""

    pk = CompositePrimaryKey("topic_id", "partition")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    partition = models.IntegerField()
    next_offset = models.BigIntegerField()  # the first record without effects
    records = models.BigIntegerField(default=0)  # read so far
    events = models.BigIntegerField(default=0)
    record_time = models.DateTimeField(null=True)  # Kafka's time of the last record with effects
    # Of that record: whether Kafka still has it, or has lost it and has another one there (processing.partitions.truncation).
    record_offset = models.BigIntegerField(null=True)
    record_epoch = models.IntegerField(null=True)  # of the leader that wrote it
    record_checksum = models.BigIntegerField(null=True)
    revision = models.IntegerField(default=0, db_default=0)  # LogicRevision of the last batch
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "progress"

    def __str__(self) -> str:
        return f"{self.topic_id}/{self.partition} at {self.next_offset}"


class Event(models.Model):
    """A stored event: one row of the table `events`, partitioned by month of `ts`.

    The table's key is (source_id, ts, id); Django knows `id` alone, which is unique only within a source.
    """

    id = models.UUIDField(primary_key=True)
    source_id = models.TextField()
    ts = models.DateTimeField()  # event time, the sender's clock
    received = models.DateTimeField()  # the receiver's clock
    stored = models.DateTimeField()  # PostgreSQL's clock
    payload = models.JSONField()
    tags = ArrayField(models.TextField(), null=True)  # None means none
    topic = models.ForeignKey(Topic, on_delete=models.DO_NOTHING, db_constraint=False)
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    line = models.IntegerField()  # within the record, from 0
    content_hash = models.BigIntegerField()  # ingestion.events.identity.content_hash
    rollup_cut = models.BooleanField(null=True)  # True: stored, but not rolled up (processing.events.rollup_budget)
    revision = models.IntegerField(null=True)  # LogicRevision that made the row; None: there was no logic
    payload_changed = models.BooleanField(null=True)  # True: logic changed it, and the document has what was sent
    replay = models.BigIntegerField(null=True)  # the job that made the row anew; None: the consumer made it

    class Meta:
        db_table = "events"
        managed = False
        permissions = [("read_documents", "Can read raw documents")]

    def __str__(self) -> str:
        return f"{self.source_id} {self.id}"


class Rollup(models.Model):
    """Statistics of one numeric field of one source over one span of event time."""

    pk = CompositePrimaryKey("source_id", "field", "start")
    source_id = models.TextField()
    field = models.TextField()  # dotted path inside the payload; a dot in a key is written "\."
    start = models.DateTimeField()
    count = models.BigIntegerField()
    sum = models.FloatField()
    min = models.FloatField()
    max = models.FloatField()
    first = models.FloatField()
    first_ts = models.DateTimeField()
    first_id = models.UUIDField()
    last = models.FloatField()
    last_ts = models.DateTimeField()
    last_id = models.UUIDField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.source_id} {self.field} {self.start:%Y-%m-%dT%H:%MZ}"


class RollupMinute(Rollup):
    class Meta(Rollup.Meta):
        db_table = "rollup_minute"


class RollupHour(Rollup):
    class Meta(Rollup.Meta):
        db_table = "rollup_hour"


class ChangeMark(models.Model):
    """An hour of a source that changed lately (processing.stores.change_marks); `hour` -infinity: any hour of it."""

    pk = CompositePrimaryKey("source_id", "hour")
    source_id = models.TextField()
    hour = models.DateTimeField()  # of event time
    changed = models.BigIntegerField()  # xid8: the transaction that changed it last
    marked = models.DateTimeField()

    class Meta:
        db_table = "change_mark"

    def __str__(self) -> str:
        return f"{self.source_id} {self.hour}"


class LatestValue(models.Model):
    """The value of this numeric field in the newest event that has it, by event time, then id."""

    pk = CompositePrimaryKey("source_id", "field")
    source_id = models.TextField()
    field = models.TextField()
    value = models.FloatField()
    ts = models.DateTimeField()
    event_id = models.UUIDField()

    class Meta:
        db_table = "latest_value"

    def __str__(self) -> str:
        return f"{self.source_id} {self.field}"


class SourceStatistics(models.Model):
    """Running totals of one source; lines whose source cannot be read count under ''."""

    source_id = models.CharField(max_length=128, primary_key=True)
    first_seen = models.DateTimeField()  # the receiver's clock
    last_seen = models.DateTimeField()
    latest_event = models.DateTimeField(null=True)  # newest event time stored
    read = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    duplicate = models.BigIntegerField(default=0)
    dead_lettered = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)
    fields_capped = models.BooleanField(default=False)  # some fields are stored but not rolled up
    rollups_cut_at = models.DateTimeField(null=True)  # when the last events were stored but not rolled up

    class Meta:
        db_table = "source_statistics"
        verbose_name = "source"
        # For "sources by last seen", queries and dashboard.
        indexes = [models.Index(fields=["-last_seen"], name="source_by_last_seen")]

    def __str__(self) -> str:
        return self.source_id


class LedgerCounts(models.Model):
    """The account of one source, partition and time of receipt: read = the sum of the outcomes."""

    source_id = models.TextField()
    partition = models.IntegerField()
    read = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    duplicate = models.BigIntegerField(default=0)
    dead_lettered = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class LedgerMinute(LedgerCounts):
    """The account of a minute."""

    pk = CompositePrimaryKey("source_id", "minute", "partition")
    minute = models.DateTimeField()

    class Meta:
        db_table = "ledger_minute"
        indexes = [
            # For "the last minutes of all sources", queries.pipeline.ledger_minutes.
            models.Index(fields=["minute", "source_id"], name="ledger_by_minute"),
            # For "sources with dead letters lately", queries.sources.health.
            models.Index(fields=["minute", "source_id"], name="ledger_failed", condition=models.Q(dead_lettered__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} {self.minute:%Y-%m-%dT%H:%MZ} {self.partition}"


class LedgerHour(LedgerCounts):
    """Minutes that are long past, added up by hour (processing.stores.packed.ledger)."""

    pk = CompositePrimaryKey("source_id", "hour", "partition")
    hour = models.DateTimeField()

    class Meta:
        db_table = "ledger_hour"
        # For the ledger newest first, queries.pipeline.ledger_minutes.
        indexes = [models.Index(fields=["hour", "source_id"], name="ledger_by_hour")]

    def __str__(self) -> str:
        return f"{self.source_id} {self.hour:%Y-%m-%dT%HZ} {self.partition}"


class LedgerSpan(LedgerCounts):
    """A view: the minutes of the ledger and its hours. Beside an hour there may be minutes of it that were read later."""

    pk = CompositePrimaryKey("source_id", "minute", "partition")
    minute = models.DateTimeField()  # the first one of an hour
    seconds = models.IntegerField()  # 60 or 3,600

    class Meta:
        db_table = "ledger"
        managed = False

    def __str__(self) -> str:
        return f"{self.source_id} {self.minute:%Y-%m-%dT%H:%MZ} {self.partition}"


class DeadLetter(models.Model):
    """A line that could not be stored: its bytes, its origin and the reason, until it is redriven or discarded."""

    class State(models.TextChoices):
        OPEN = "open"
        SENT = "sent"
        STORED = "stored"
        PARKED = "parked"
        DISCARDED = "discarded"

    topic = models.ForeignKey(Topic, on_delete=models.PROTECT)
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    line = models.IntegerField()
    raw = models.BinaryField()
    reason = models.CharField(max_length=40)  # ingestion.problems.Code
    detail = models.TextField()
    pointer = models.TextField(default="", blank=True)  # RFC 6901
    stage = models.CharField(max_length=20)  # decode, identity, process, documents, rows
    source_id = models.CharField(max_length=128, default="", blank=True)
    event_id = models.UUIDField(null=True, blank=True)
    received = models.DateTimeField()
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()  # in a chain's first letter: when its event failed last
    attempts = models.IntegerField(default=1)  # in a chain's first letter: how often its event failed
    fingerprint = models.CharField(max_length=32)  # similar letters share it
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    # A failed redrive becomes a new letter: this one stays `sent`, and only the newest of the chain can be redriven.
    root = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="chain")
    redrives = models.IntegerField(default=0, db_default=0)  # how many redrives of its chain have failed
    replay = models.BigIntegerField(null=True, blank=True)  # the job that took the event out of the rows
    edited = models.BinaryField(null=True, blank=True)  # the content that the last redrive sent instead of `raw`
    sent_id = models.UUIDField(null=True, blank=True)  # of the event in `edited`; None: unknown, or not edited
    sent_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)  # when it was stored or discarded

    class Meta:
        db_table = "dead_letter"
        constraints = [
            models.UniqueConstraint(fields=["topic", "partition", "offset", "line"], name="dead_letter_origin")
        ]
        indexes = [
            # For "newest first, filtered", queries.dead_letters.listing, the admin and `manage.py dead_letters`.
            models.Index(fields=["state", "-id"], name="dead_letter_by_state"),
            models.Index(fields=["reason", "-id"], name="dead_letter_by_reason"),
            models.Index(fields=["source_id", "-id"], name="dead_letter_by_source"),
            models.Index(fields=["fingerprint", "-id"], name="dead_letter_by_fingerprint"),
            # For the trace of one event.
            models.Index(fields=["event_id"], name="dead_letter_by_event"),
            # For the trace of an event that was mended.
            models.Index(fields=["sent_id"], name="dead_letter_by_sent_id", condition=models.Q(sent_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.reason} at {self.partition}/{self.offset}/{self.line}"


class DeadLetterAction(models.Model):
    """An entry in a dead letter's history: who did what, when."""

    class Kind(models.TextChoices):
        REDRIVEN = "redriven"  # sent as it is
        EDITED = "edited"  # sent with other content
        FAILED = "failed"  # the sent event became a dead letter again, or Kafka refused it because of its size
        STORED = "stored"  # the sent event was stored, a duplicate or dropped; the note tells which
        PARKED = "parked"  # redriven too often without success
        DISCARDED = "discarded"
        REOPENED = "reopened"  # its discard was undone

    letter = models.ForeignKey(DeadLetter, on_delete=models.CASCADE, related_name="actions")
    at = models.DateTimeField()
    who = models.CharField(max_length=200)  # a user, "key <prefix>", "command line" or "consumer"
    kind = models.CharField(max_length=10, choices=Kind.choices)
    note = models.TextField(default="", blank=True)
    job = models.BigIntegerField(null=True, blank=True)  # that did it; None: the consumer, or an earlier release

    class Meta:
        db_table = "dead_letter_action"
        ordering = ["id"]
        # For what became of the letters of a job, processing.dead_letters.filters.
        indexes = [
            models.Index(fields=["job"], name="dead_letter_action_by_job", condition=models.Q(job__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.who}"


class Job(models.Model):
    """A long operation, run by `manage.py run_jobs` or a command; another process resumes it after an interruption."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        PAUSED = "paused"  # until somebody resumes it
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    kind = models.CharField(max_length=30)  # one of processing.job_registry
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    who = models.CharField(max_length=200)  # as in DeadLetterAction
    total = models.BigIntegerField(null=True, blank=True)  # None: not known
    done = models.BigIntegerField(default=0)
    place = models.JSONField(default=dict, blank=True)  # where to continue
    message = models.TextField(default="", blank=True)  # the result, or why it failed
    report = models.JSONField(null=True, blank=True)  # a result that takes more than a sentence
    log = models.JSONField(default=list, db_default=[], blank=True)  # what happened to it (processing.jobs.job_log)
    cancel_requested = models.BooleanField(default=False)
    pause_requested = models.BooleanField(default=False, db_default=False)
    worker = models.CharField(max_length=200, default="", blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    heartbeat = models.DateTimeField(null=True, blank=True)  # a running job without a recent one is taken over

    class Meta:
        db_table = "job"
        # For "the oldest that waits" and "newest first", processing.jobs.queue and the admin.
        indexes = [models.Index(fields=["state", "id"], name="job_by_state")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class FieldIndex(models.Model):
    """An index that operators declare on a field of payloads, for some sources; each partition of `events` has its own."""

    class State(models.TextChoices):
        BUILDING = "building"
        READY = "ready"
        DROPPING = "dropping"

    pattern = models.CharField(max_length=129)  # ingestion.auth.source_patterns
    field = models.TextField()  # dotted path; processing.events.fields
    state = models.CharField(max_length=10, choices=State.choices, default=State.BUILDING)
    # The last one that works on it; if that has ended before the state did, it failed (processing.field_indexes.listing).
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)

    class Meta:
        db_table = "field_index"
        verbose_name_plural = "field indexes"
        constraints = [
            models.UniqueConstraint(
                fields=["pattern", "field"],
                name="field_index_once",
                violation_error_message="This index is declared already.",
                violation_error_code="declared",
            )
        ]

    def __str__(self) -> str:
        return f"{self.field} of {self.pattern}"


class Incident(models.Model):
    """A condition of the pipeline that an operator should know of, open while it lasts."""

    class Kind(models.TextChoices):
        OPERATOR = "operator"  # a store refuses for a reason that an operator must fix
        BREAKER = "breaker"  # a partition is held: too many of its events became dead letters
        SOURCE = "source"  # a source is set aside: too many of its events became dead letters
        VERSION = "version"  # a partition is held: a newer release wrote its next record
        UNREADABLE = "unreadable"  # a partition is held: its next batch of records can't be read
        CRASH = "crash"  # an event was isolated because it crashed the process
        GAP = "gap"  # records were removed from the topic before they were read, or were skipped
        ROLLBACK = "rollback"  # a server lost what it had confirmed; the pipeline restores it from the others
        DISK = "disk"  # a store's volume fills up
        RETENTION = "retention"  # the lag nears the topic's retention
        LOGIC = "logic"  # a rule fails, and was paused

    kind = models.CharField(max_length=10, choices=Kind.choices)
    subject = models.CharField(max_length=300)  # what it is about, e.g. "raw-data/3"
    detail = models.TextField()
    since = models.DateTimeField()
    last_seen = models.DateTimeField()
    count = models.IntegerField(default=1, db_default=1)
    until = models.DateTimeField(null=True, blank=True)  # None: open
    acknowledged_at = models.DateTimeField(null=True, blank=True)  # an operator has seen it
    acknowledged_by = models.CharField(max_length=200, default="", db_default="", blank=True)

    class Meta:
        db_table = "incident"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(until=None), name="incident_open_once"
            )
        ]
        # For "what happened last", queries and the admin.
        indexes = [models.Index(fields=["-since"], name="incident_by_since")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"


class LedgerGap(models.Model):
    """Records that will never be read: `first_offset` up to, not including, `next_offset`."""

    class Cause(models.TextChoices):
        REMOVED = "removed"  # retention or an operator removed them before they were read
        RECREATED = "recreated"  # the topic was deleted and recreated; how many unread records it had is not known
        SKIPPED = "skipped"  # an operator moved the offsets past them
        TRUNCATED = "truncated"  # Kafka lost the end of its log, and has or will have other records at these offsets

    topic = models.ForeignKey(Topic, on_delete=models.PROTECT)
    partition = models.IntegerField()
    first_offset = models.BigIntegerField()
    next_offset = models.BigIntegerField(null=True)  # None: not known
    cause = models.CharField(max_length=10, choices=Cause.choices)
    noticed_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_gap"
        constraints = [models.UniqueConstraint(fields=["topic", "partition", "first_offset"], name="ledger_gap_place")]

    def __str__(self) -> str:
        end = "?" if self.next_offset is None else self.next_offset - 1
        return f"{self.first_offset}..{end} lost on {self.topic.name}/{self.partition}"


class Hold(models.Model):
    """A partition that no consumer reads until an operator resumes it, or a newer consumer can read it."""

    class Kind(models.TextChoices):  # each is also the kind of its incident
        BREAKER = "breaker"
        VERSION = "version"
        UNREADABLE = "unreadable"

    pk = CompositePrimaryKey("topic_id", "partition")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    partition = models.IntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.BREAKER, db_default=Kind.BREAKER)
    version = models.IntegerField(default=0, db_default=0)  # of kind VERSION: the record's format
    since = models.DateTimeField()
    reason = models.TextField()
    released_at = models.DateTimeField(null=True)  # None: held
    released_by = models.CharField(max_length=200, default="", db_default="")
    lenient_until = models.BigIntegerField(
        default=0, db_default=0
    )  # below this offset the circuit breaker counts nothing

    class Meta:
        db_table = "hold"

    def __str__(self) -> str:
        return f"{self.topic_id}/{self.partition}"


class PartitionStart(models.Model):
    """How often a consumer started at the same offset without getting past it, and the line that was processed alone."""

    pk = CompositePrimaryKey("topic_id", "partition")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    partition = models.IntegerField()
    next_offset = models.BigIntegerField()
    starts = models.IntegerField(default=1, db_default=1)
    suspect_offset = models.BigIntegerField(null=True)
    suspect_line = models.IntegerField(null=True)
    isolated = models.JSONField(default=list, db_default=[])  # [offset, line] of lines that must not be processed

    class Meta:
        db_table = "partition_start"

    def __str__(self) -> str:
        return f"{self.topic_id}/{self.partition} at {self.next_offset}"


class StaleHour(models.Model):
    """An hour of one source whose rollups a rebuild or repair must still recompute."""

    pk = CompositePrimaryKey("source_id", "hour")
    source_id = models.TextField()
    hour = models.DateTimeField()
    fields = ArrayField(models.TextField(), null=True)  # those that are to be computed; None: all

    class Meta:
        db_table = "stale_hour"

    def __str__(self) -> str:
        return f"{self.source_id} {self.hour:%Y-%m-%dT%H:%MZ}"


class ConsumerMember(models.Model):
    """A running consumer, which reports its heartbeat and partitions every few seconds."""

    HEARTBEAT_SECONDS = 5

    member = models.CharField(max_length=200, primary_key=True)
    partitions = ArrayField(models.IntegerField())
    since = models.DateTimeField()  # when it got these partitions
    heartbeat = models.DateTimeField()
    state = models.CharField(max_length=20)  # running, waiting (a store is unavailable)

    class Meta:
        db_table = "consumer_member"

    def __str__(self) -> str:
        return self.member


class ConsumerAssignment(models.Model):
    """A change of what a consumer reads (processing.stores.accounting.memberships). The last ones are kept."""

    class Kind(models.TextChoices):
        JOINED = "joined"
        CHANGED = "changed"
        LEFT = "left"
        LOST = "lost"  # it fell silent, and another one reads its partitions

    at = models.DateTimeField()  # of kind LOST: of its last heartbeat
    member = models.CharField(max_length=200)
    partitions = ArrayField(models.IntegerField())  # from then on, held ones included
    kind = models.CharField(max_length=10, choices=Kind.choices)

    class Meta:
        db_table = "consumer_assignment"

    def __str__(self) -> str:
        return f"{self.member} {self.kind}: {self.partitions}"


class Lease(models.Model):
    """Who may write something now (processing.leases.lease); times are PostgreSQL's."""

    name = models.CharField(max_length=200, primary_key=True)
    holder = models.CharField(max_length=200)  # the last one, even if the lease ran out
    epoch = models.BigIntegerField()  # grows with each holder
    until = models.DateTimeField()  # from then on anybody may take it

    class Meta:
        db_table = "lease"
        # Makes `epoch` part of a key: a new holder waits for the transactions of the former one, renewals do not.
        constraints = [models.UniqueConstraint(fields=["name", "epoch"], name="lease_epoch")]

    def __str__(self) -> str:
        return f"{self.name} {self.epoch}: {self.holder}"


class ReaderSource(models.Model):
    """Sources that a role made by `manage.py create_reader` sees in the schema `read`.

    `queries.sql_readers` writes it; the views of migration 0012 read it.
    """

    pk = CompositePrimaryKey("role_oid", "pattern")
    role_oid = models.BigIntegerField()  # PostgreSQL's number of the role: after a restore another may have its name
    role = models.TextField()
    pattern = models.TextField()  # a source's id, or the beginning of some with a trailing "*"; "*" alone: everything

    class Meta:
        db_table = "reader_source"

    def __str__(self) -> str:
        return f"{self.role} {self.pattern}"


class LogicRevision(models.Model):
    """Rules, schemas, lookup tables and units as of one saved change; never changed itself (processing.logic)."""

    number = models.IntegerField(primary_key=True)  # from 1; 0 stands for no logic at all
    content = models.JSONField()  # processing.logic.content.Content
    base = models.IntegerField(null=True)  # the revision that was changed; None: no logic
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)  # as in DeadLetterAction
    reason = models.TextField(default="", blank=True)

    class Meta:
        db_table = "logic_revision"
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"revision {self.number}"


class LogicActivation(models.Model):
    """A revision became current. The newest activation says which one is."""

    revision = models.IntegerField()  # 0: no logic
    at = models.DateTimeField()
    who = models.CharField(max_length=200)
    reason = models.TextField(default="", blank=True)

    class Meta:
        db_table = "logic_activation"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"revision {self.revision} by {self.who}"


class SchemaVersion(models.Model):
    """One version of a JSON Schema, which revisions name; never changed."""

    name = models.CharField(max_length=64)
    version = models.IntegerField()  # from 1
    document = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)

    class Meta:
        db_table = "schema_version"
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="schema_version_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class LookupTableVersion(models.Model):
    """One version of a lookup table, which revisions name; never changed."""

    name = models.CharField(max_length=64)
    version = models.IntegerField()  # from 1
    key = models.CharField(max_length=128)  # the column that `lookup` searches
    columns = models.JSONField()  # [{"name", "type"}] in order; types of processing.logic.tables
    rows = models.IntegerField()
    data = models.BinaryField()  # as processing.logic.tables writes it
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)

    class Meta:
        db_table = "lookup_table_version"
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="lookup_table_version_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class RevisionSpan(models.Model):
    """From which offset of a partition on events were processed by a revision, so that it can be proven what it did."""

    pk = CompositePrimaryKey("topic_id", "partition", "first_offset")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    partition = models.IntegerField()
    first_offset = models.BigIntegerField()
    revision = models.IntegerField()

    class Meta:
        db_table = "revision_span"

    def __str__(self) -> str:
        return f"{self.topic_id}/{self.partition} from {self.first_offset}: revision {self.revision}"


class RuleCount(models.Model):
    """What a rule or schema did, by minute of receipt.

    Rejections and drops are counted by source and partition, as in the ledger; the rest of all sources together, as
    source ''.
    """

    class Kind(models.TextChoices):
        RULE = "rule"
        SCHEMA = "schema"

    pk = CompositePrimaryKey("kind", "name", "source_id", "minute", "partition")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    name = models.CharField(max_length=100)
    source_id = models.TextField()
    minute = models.DateTimeField()
    partition = models.IntegerField()
    applied = models.BigIntegerField(default=0)  # a rule's `when` was true; an event violated a schema
    rejected = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)
    unknown = models.BigIntegerField(default=0)  # a `set` had no result
    missed = models.BigIntegerField(default=0)  # a lookup did not find its key
    errors = models.BigIntegerField(default=0)  # the rule failed; the event went on without it

    class Meta:
        db_table = "rule_count"
        # For "the last minutes of all rules", queries.logic and the admin.
        indexes = [models.Index(fields=["minute"], name="rule_count_by_minute")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.source_id} {self.minute:%Y-%m-%dT%H:%MZ}"


class ReplayRemoval(models.Model):
    """An event whose row a replay removed, because logic drops or rejects it now. Its document stays."""

    class Fate(models.TextChoices):
        DROPPED = "dropped"
        REJECTED = "rejected"

    pk = CompositePrimaryKey("source_id", "ts", "event_id")
    source_id = models.TextField()
    ts = models.DateTimeField()
    event_id = models.UUIDField()
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    line = models.IntegerField()
    received = models.DateTimeField()
    content_hash = models.BigIntegerField()
    stored = models.DateTimeField()  # when the row was stored that is gone, which comes back with it
    rollup_cut = models.BooleanField(null=True)
    fate = models.CharField(max_length=8, choices=Fate.choices)
    rule = models.CharField(max_length=100)
    revision = models.IntegerField()
    replay = models.BigIntegerField()  # its job

    class Meta:
        db_table = "replay_removal"
        # For the outcome of a line that is counted again, processing.recovery.recount.
        indexes = [models.Index(fields=["topic", "partition", "offset", "line"], name="replay_removal_by_origin")]

    def __str__(self) -> str:
        return f"{self.source_id} {self.event_id} {self.fate}"
