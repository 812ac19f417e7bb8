"""The addresses of the read API, with or without a slash at the end."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, re_path

from ingestion.contract import SOURCE_ID_PATTERN
from ingestion.problems import Code
from queries import (
    problems,
    views_data,
    views_dead_letters,
    views_jobs,
    views_keys,
    views_partitions,
    views_pipeline,
    views_schema,
)

app_name = "queries"

EVENT_ID = "(?P<event_id>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
SOURCE_ID = f"(?P<source_id>{SOURCE_ID_PATTERN.pattern})"
PREFIX = "(?P<prefix>[0-9a-f]{8})"
TOPIC = "(?P<topic>[A-Za-z0-9._-]{1,249})"
PARTITION = "(?P<partition>[0-9]{1,9})"
NUMBER = "(?P<number>[0-9]{1,18})"


def nothing(request: HttpRequest) -> HttpResponse:
    """Return 404 for every other address under /api/, with DEBUG or without."""
    return problems.answer(Code.NOT_FOUND, "there is nothing at this address; /api/ lists what is", path=request.path)


urlpatterns: list[URLPattern] = [
    re_path(r"^data/?$", views_data.ShortData.as_view(), name="short-data"),
    re_path(r"^api/$", views_schema.Root.as_view(), name="root"),
    re_path(r"^api/data/?$", views_data.Data.as_view(), name="data"),
    re_path(r"^api/data/aggregate/?$", views_data.AggregateView.as_view(), name="aggregate"),
    re_path(rf"^api/events/{EVENT_ID}/?$", views_data.EventView.as_view(), name="event"),
    re_path(rf"^api/events/{EVENT_ID}/trace/?$", views_data.TraceView.as_view(), name="trace"),
    re_path(r"^api/sources/?$", views_data.SourceList.as_view(), name="source-list"),
    re_path(rf"^api/sources/{SOURCE_ID}/?$", views_data.SourceView.as_view(), name="source"),
    re_path(r"^api/dead-letters/?$", views_dead_letters.DeadLetterList.as_view(), name="dead-letter-list"),
    re_path(r"^api/dead-letters/export/?$", views_dead_letters.DeadLetterExport.as_view(), name="dead-letter-export"),
    re_path(
        r"^api/dead-letters/redrive/?$", views_dead_letters.DeadLettersRedrive.as_view(), name="dead-letters-redrive"
    ),
    re_path(
        r"^api/dead-letters/discard/?$", views_dead_letters.DeadLettersDiscard.as_view(), name="dead-letters-discard"
    ),
    re_path(rf"^api/dead-letters/{NUMBER}/?$", views_dead_letters.DeadLetterView.as_view(), name="dead-letter"),
    re_path(
        rf"^api/dead-letters/{NUMBER}/redrive/?$", views_dead_letters.DeadLetterRedrive.as_view(), name="letter-redrive"
    ),
    re_path(
        rf"^api/dead-letters/{NUMBER}/discard/?$", views_dead_letters.DeadLetterDiscard.as_view(), name="letter-discard"
    ),
    re_path(r"^api/jobs/?$", views_jobs.JobList.as_view(), name="job-list"),
    re_path(rf"^api/jobs/{NUMBER}/?$", views_jobs.JobView.as_view(), name="job"),
    re_path(rf"^api/jobs/{NUMBER}/cancel/?$", views_jobs.JobCancel.as_view(), name="job-cancel"),
    re_path(r"^api/pipeline/?$", views_pipeline.PipelineView.as_view(), name="pipeline"),
    re_path(
        rf"^api/pipeline/partitions/{TOPIC}/{PARTITION}/resume/?$",
        views_partitions.PartitionResumption.as_view(),
        name="partition-resumption",
    ),
    re_path(r"^api/pipeline/ledger/?$", views_pipeline.LedgerView.as_view(), name="ledger"),
    re_path(r"^api/keys/?$", views_keys.KeyList.as_view(), name="key-list"),
    re_path(rf"^api/keys/{PREFIX}/rotate/?$", views_keys.KeyRotation.as_view(), name="key-rotation"),
    re_path(rf"^api/keys/{PREFIX}/expire/?$", views_keys.KeyExpiryView.as_view(), name="key-expiry"),
    re_path(rf"^api/keys/{PREFIX}/revoke/?$", views_keys.KeyRevocation.as_view(), name="key-revocation"),
    re_path(r"^api/schema/?$", views_schema.Schema.as_view(), name="schema"),
    re_path(r"^api/docs/?$", views_schema.Docs.as_view(), name="docs"),
    re_path(r"^api/.", nothing),
]
