"""What the consumer writes to PostgreSQL. All rows are written by processing.store; others read."""

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
    """How far the effects of one partition are committed; moves in the effects' own transaction."""

    pk = CompositePrimaryKey("topic_id", "partition")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    partition = models.IntegerField()
    next_offset = models.BigIntegerField()  # the first record without effects
    records = models.BigIntegerField(default=0)  # read so far; events / records estimates what lag holds
    events = models.BigIntegerField(default=0)
    record_time = models.DateTimeField(null=True)  # Kafka's time of the last record with effects
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "progress"

    def __str__(self) -> str:
        return f"{self.topic_id}/{self.partition} at {self.next_offset}"


class Event(models.Model):
    """A stored event: one row of the table `events`, partitioned by month of `ts`.

    The table's key is (source_id, ts, id); Django is told of `id` alone, which is unique only within a source.
    """

    id = models.UUIDField(primary_key=True)
    source_id = models.TextField()
    ts = models.DateTimeField()  # event time, the sender's clock
    received = models.DateTimeField()  # the door's clock
    stored = models.DateTimeField()  # the consumer's clock
    payload = models.JSONField()
    tags = ArrayField(models.TextField(), null=True)  # None means none
    topic = models.ForeignKey(Topic, on_delete=models.DO_NOTHING, db_constraint=False)
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    line = models.IntegerField()  # within the record, from 0
    content_hash = models.BigIntegerField()  # processing.content

    class Meta:
        db_table = "events"
        managed = False

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


class LatestValue(models.Model):
    """The value of the newest event (by event time, then id) that had this numeric field."""

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
    """Running totals of one source; lines whose source can't be read count under ''."""

    source_id = models.CharField(max_length=128, primary_key=True)
    first_seen = models.DateTimeField()  # the door's clock
    last_seen = models.DateTimeField()
    latest_event = models.DateTimeField(null=True)  # newest event time stored
    read = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    duplicate = models.BigIntegerField(default=0)
    dead_lettered = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)
    fields_capped = models.BooleanField(default=False)  # some fields are stored but not rolled up

    class Meta:
        db_table = "source_statistics"
        verbose_name = "source"
        # For "sources by last seen", queries and dashboard.
        indexes = [models.Index(fields=["-last_seen"], name="source_by_last_seen")]

    def __str__(self) -> str:
        return self.source_id


class LedgerMinute(models.Model):
    """The account of one source, minute of receipt and partition: read = the sum of the outcomes."""

    pk = CompositePrimaryKey("source_id", "minute", "partition")
    source_id = models.TextField()
    minute = models.DateTimeField()
    partition = models.IntegerField()
    read = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    duplicate = models.BigIntegerField(default=0)
    dead_lettered = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)

    class Meta:
        db_table = "ledger_minute"

    def __str__(self) -> str:
        return f"{self.source_id} {self.minute:%Y-%m-%dT%H:%MZ} {self.partition}"


class DeadLetter(models.Model):
    """A line that could not become a row: its bytes, its place and the reason, until someone mends it."""

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
    stage = models.CharField(max_length=20)  # decode, process, documents, rows
    source_id = models.CharField(max_length=128, default="", blank=True)
    event_id = models.UUIDField(null=True, blank=True)
    received = models.DateTimeField()
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    attempts = models.IntegerField(default=1)
    fingerprint = models.CharField(max_length=32)  # alike letters share it
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)

    class Meta:
        db_table = "dead_letter"
        constraints = [
            models.UniqueConstraint(fields=["topic", "partition", "offset", "line"], name="dead_letter_origin")
        ]
        # For "newest first, filtered by state", queries.views and the admin.
        indexes = [models.Index(fields=["state", "-id"], name="dead_letter_by_state")]

    def __str__(self) -> str:
        return f"{self.reason} at {self.partition}/{self.offset}/{self.line}"


class ConsumerMember(models.Model):
    """A running consumer, which says every few seconds that it lives and what it has."""

    HEARTBEAT_SECONDS = 5

    member = models.CharField(max_length=200, primary_key=True)
    partitions = ArrayField(models.IntegerField())
    since = models.DateTimeField()  # when it got these partitions
    heartbeat = models.DateTimeField()
    state = models.CharField(max_length=20)  # running, waiting (a store is away)

    class Meta:
        db_table = "consumer_member"

    def __str__(self) -> str:
        return self.member
