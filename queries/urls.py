"""The addresses of the read API. A missing slash at the end is no mistake."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, re_path

from ingestion.contract import SOURCE_ID_PATTERN
from ingestion.problems import Code
from queries import keys, letter_views, partitions, problems, views

app_name = "queries"

EVENT_ID = "(?P<event_id>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
SOURCE_ID = f"(?P<source_id>{SOURCE_ID_PATTERN.pattern})"
PREFIX = "(?P<prefix>[0-9a-f]{8})"
TOPIC = "(?P<topic>[A-Za-z0-9._-]{1,249})"
PARTITION = "(?P<partition>[0-9]{1,9})"
NUMBER = "(?P<number>[0-9]{1,18})"


def nothing(request: HttpRequest) -> HttpResponse:
    """Answer for every other address under /api/, with DEBUG or without."""
    return problems.answer(Code.NOT_FOUND, "there is nothing at this address; /api/ lists what is", path=request.path)


urlpatterns: list[URLPattern] = [
    re_path(r"^data/?$", views.ShortData.as_view(), name="short-data"),
    re_path(r"^api/$", views.Root.as_view(), name="root"),
    re_path(r"^api/data/?$", views.Data.as_view(), name="data"),
    re_path(r"^api/data/aggregate/?$", views.AggregateView.as_view(), name="aggregate"),
    re_path(rf"^api/events/{EVENT_ID}/?$", views.EventView.as_view(), name="event"),
    re_path(rf"^api/events/{EVENT_ID}/trace/?$", views.TraceView.as_view(), name="trace"),
    re_path(r"^api/sources/?$", views.SourceList.as_view(), name="source-list"),
    re_path(rf"^api/sources/{SOURCE_ID}/?$", views.SourceView.as_view(), name="source"),
    re_path(r"^api/dead-letters/?$", letter_views.DeadLetterList.as_view(), name="dead-letter-list"),
    re_path(r"^api/dead-letters/export/?$", letter_views.DeadLetterExport.as_view(), name="dead-letter-export"),
    re_path(r"^api/dead-letters/redrive/?$", letter_views.DeadLettersRedrive.as_view(), name="dead-letters-redrive"),
    re_path(r"^api/dead-letters/discard/?$", letter_views.DeadLettersDiscard.as_view(), name="dead-letters-discard"),
    re_path(rf"^api/dead-letters/{NUMBER}/?$", letter_views.DeadLetterView.as_view(), name="dead-letter"),
    re_path(rf"^api/dead-letters/{NUMBER}/redrive/?$", letter_views.DeadLetterRedrive.as_view(), name="letter-redrive"),
    re_path(rf"^api/dead-letters/{NUMBER}/discard/?$", letter_views.DeadLetterDiscard.as_view(), name="letter-discard"),
    re_path(r"^api/jobs/?$", letter_views.JobList.as_view(), name="job-list"),
    re_path(rf"^api/jobs/{NUMBER}/?$", letter_views.JobView.as_view(), name="job"),
    re_path(rf"^api/jobs/{NUMBER}/cancel/?$", letter_views.JobCancel.as_view(), name="job-cancel"),
    re_path(r"^api/pipeline/?$", views.PipelineView.as_view(), name="pipeline"),
    re_path(
        rf"^api/pipeline/partitions/{TOPIC}/{PARTITION}/resume/?$",
        partitions.PartitionResumption.as_view(),
        name="partition-resumption",
    ),
    re_path(r"^api/pipeline/ledger/?$", views.LedgerView.as_view(), name="ledger"),
    re_path(r"^api/keys/?$", keys.KeyList.as_view(), name="key-list"),
    re_path(rf"^api/keys/{PREFIX}/rotate/?$", keys.KeyRotation.as_view(), name="key-rotation"),
    re_path(rf"^api/keys/{PREFIX}/expire/?$", keys.KeyExpiry.as_view(), name="key-expiry"),
    re_path(rf"^api/keys/{PREFIX}/revoke/?$", keys.KeyRevocation.as_view(), name="key-revocation"),
    re_path(r"^api/schema/?$", views.Schema.as_view(), name="schema"),
    re_path(r"^api/docs/?$", views.Docs.as_view(), name="docs"),
    re_path(r"^api/.", nothing),
]
