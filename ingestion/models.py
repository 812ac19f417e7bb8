"""The registry of sources, the API keys, and which sources the users of a group may see."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from ingestion.events.model import SOURCE_ID_FORM, SOURCE_ID_PATTERN
from ingestion.events.pattern_form import ANY, WHOLE_FORM, is_pattern
from ingestion.rate_windows import InvalidRate, parse_rate

# Patterns of one key or group. A receiver compares each source of a batch with all of them, in some microseconds.
MAX_PATTERNS = 100


def check_rate(text: str) -> None:
    """Validate a rate."""
    try:
        parse_rate(text)
    except InvalidRate as error:
        raise ValidationError(str(error)) from error


def check_source(text: str) -> None:
    """Validate a source id."""
    if not SOURCE_ID_PATTERN.fullmatch(text):
        raise ValidationError(f"Expected {SOURCE_ID_FORM}.")


def check_patterns(texts: list[str]) -> None:
    """Validate source ids and patterns of source ids. Ids, which are found by a hash, may be any number."""
    if not all(map(is_pattern, texts)):
        raise ValidationError(f"Expected {WHOLE_FORM}.")
    if sum(text.endswith(ANY) for text in texts) > MAX_PATTERNS:
        raise ValidationError(f"Expected at most {MAX_PATTERNS} that end with a *.")


class Source(models.Model):
    """One sender of events; processing.models.SourceStatistics counts what it sent."""

    source_id = models.CharField(max_length=128, primary_key=True, validators=[check_source])
    enabled = models.BooleanField(default=True)
    labels = models.JSONField(default=dict, blank=True)
    registered_at = models.DateTimeField(auto_now_add=True)
    # Defaults of the database, since a running older release creates sources without these columns.
    description = models.TextField(default="", db_default="", blank=True, help_text="What it is and where.")
    expected_interval = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.001)],
        help_text="Seconds between two sendings. Empty: learned from what it sends.",
    )

    class Meta:
        db_table = "source"
        ordering = ["source_id"]

    def __str__(self) -> str:
        return self.source_id


class FailingSource(models.Model):
    """A source of which too many events became dead letters: receivers take no event of it until `until`.

    The consumer writes it (processing.partitions.failing_sources); receivers read it (ingestion.auth.source_throttle).
    """

    source_id = models.CharField(max_length=128, primary_key=True)
    since = models.DateTimeField()
    until = models.DateTimeField()  # PostgreSQL's clock
    times = models.IntegerField(default=1, db_default=1)  # how often within an hour of its end; each is twice as long
    reason = models.TextField()
    ended_by = models.CharField(max_length=200, default="", db_default="", blank=True)  # who ended it before its time

    class Meta:
        db_table = "failing_source"
        # For "those that are throttled now", ingestion.auth.source_throttle and `manage.py failing_sources`.
        indexes = [models.Index(fields=["until"], name="failing_source_by_until")]

    def __str__(self) -> str:
        return self.source_id


class Scope(models.TextChoices):
    """What a key may be used for."""

    INGEST = "ingest", "send events"
    READ = "read", "read events"
    RAW = "raw", "read raw documents"
    ADMIN = "admin", "manage keys, dead letters and partitions"


class Key(models.Model):
    """An API key; the token itself is shown once and never stored."""

    name = models.CharField(max_length=100, help_text="Who uses it, for lists and logs.")
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=6, choices=Scope.choices), default=list)
    sources = ArrayField(
        models.CharField(max_length=128),
        default=list,
        blank=True,
        validators=[check_patterns],
        help_text="Ids, or patterns such as plant-*, with commas. Empty: every source.",
    )
    rate = models.CharField(
        max_length=100,
        blank=True,
        validators=[check_rate],
        help_text='Events:seconds, several with commas, such as "200:1,5000:60". Empty: the site\'s default.',
    )
    # A name of the secret that the digest hangs on; empty until a key of an older release is used.
    # Defaults of the database, since a running older release creates keys without these columns.
    secret_id = models.CharField(max_length=8, editable=False, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(  # a user, "key <prefix>" or "command line"; empty: not recorded
        max_length=200, editable=False, blank=True, default="", db_default=""
    )
    last_used_at = models.DateTimeField(null=True, editable=False)  # a minute or two behind
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "key"
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    def state(self, now: datetime) -> str:
        """Return whether it is valid, revoked or expired."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= now else "valid"


class RefusedRequest(models.Model):
    """An example of a refused request, or of a rejected event (ingestion.refusals). The pages show it; nothing depends on it."""

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()  # the receiver's clock
    code = models.CharField(max_length=64)
    status = models.CharField(max_length=32)  # of the answer: of HTTP, or of gRPC
    detail = models.TextField()
    way = models.CharField(max_length=16)
    path = models.CharField(max_length=256)
    key = models.CharField(max_length=8)  # its prefix; empty: not known
    source_id = models.CharField(max_length=128)  # that the key may send for; empty: unknown
    size = models.BigIntegerField(null=True)  # bytes
    sent = models.TextField(null=True)  # noqa: DJ001 - empty is not the same as not read

    class Meta:
        db_table = "refused_request"
        indexes = [
            # For "the newest", queries.receivers.refused_requests, and to delete old ones, ingestion.refusals.rows.
            models.Index(fields=["-at"], name="refused_request_by_time"),
            # For "the newest of one source", as above.
            models.Index(fields=["source_id", "-at"], name="refused_request_by_source"),
        ]

    def __str__(self) -> str:
        return f"{self.code} at {self.at:%Y-%m-%d %H:%M:%S}"


class GroupSources(models.Model):
    """Which sources the users of a group may see (queries.user_scopes). A group without a row binds nobody."""

    group = models.OneToOneField("auth.Group", models.CASCADE, primary_key=True, related_name="read_sources")
    patterns = ArrayField(
        models.CharField(max_length=128),
        validators=[check_patterns],
        help_text="Ids, or patterns such as plant-*, with commas. A * alone: everything.",
    )

    class Meta:
        db_table = "group_sources"
        verbose_name = verbose_name_plural = "sources that its users may see"

    def __str__(self) -> str:
        return ", ".join(self.patterns)
