"""The addresses of the read API, with or without a slash at the end."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, re_path

from ingestion.auth.read_scope import ReadScope
from ingestion.events.model import SOURCE_ID_PATTERN
from ingestion.problems import Code
from queries import errors
from queries.scoped_views import scoped
from queries.views import data, dead_letters, export, jobs, keys, partitions, pipeline, schema, sources
from queries.views.logic import config, parts, revisions, runs

app_name = "queries"

EVENT_ID = "(?P<event_id>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
SOURCE_ID = f"(?P<source_id>{SOURCE_ID_PATTERN.pattern})"
PREFIX = "(?P<prefix>[0-9a-f]{8})"
TOPIC = "(?P<topic>[A-Za-z0-9._-]{1,249})"
PARTITION = "(?P<partition>[0-9]{1,9})"
NUMBER = "(?P<number>[0-9]{1,18})"
PART = "(?P<part>[A-Za-z0-9][A-Za-z0-9._-]{0,63})"  # a schema or lookup table


@scoped
def nothing(request: HttpRequest, _: ReadScope) -> HttpResponse:
    """Return 404 for every other address under /api/, with DEBUG or without."""
    return errors.answer(Code.NOT_FOUND, "there is nothing at this address; /api/ lists what is", path=request.path)


urlpatterns: list[URLPattern] = [
    re_path(r"^data/?$", data.ShortData.as_view(), name="short-data"),
    re_path(r"^api/$", schema.Root.as_view(), name="root"),
    re_path(r"^api/data/?$", data.Data.as_view(), name="data"),
    re_path(r"^api/data/aggregate/?$", data.AggregateView.as_view(), name="aggregate"),
    re_path(r"^api/series/?$", data.SeriesView.as_view(), name="series"),
    re_path(r"^api/data/export/?$", export.DataExport.as_view(), name="export"),
    re_path(rf"^api/events/{EVENT_ID}/?$", data.EventView.as_view(), name="event"),
    re_path(rf"^api/events/{EVENT_ID}/trace/?$", data.TraceView.as_view(), name="trace"),
    re_path(r"^api/sources/?$", sources.SourceList.as_view(), name="source-list"),
    re_path(rf"^api/sources/{SOURCE_ID}/?$", sources.SourceView.as_view(), name="source"),
    re_path(rf"^api/sources/{SOURCE_ID}/schema/infer/?$", parts.SchemaInference.as_view(), name="schema-inference"),
    re_path(rf"^api/sources/{SOURCE_ID}/latest/?$", sources.LatestOfSource.as_view(), name="source-latest"),
    # Not below /api/sources/, where it would be a source's address.
    re_path(r"^api/latest/?$", sources.Latest.as_view(), name="latest"),
    re_path(r"^api/dead-letters/?$", dead_letters.DeadLetterList.as_view(), name="dead-letter-list"),
    re_path(r"^api/dead-letters/export/?$", dead_letters.DeadLetterExport.as_view(), name="dead-letter-export"),
    re_path(r"^api/dead-letters/redrive/?$", dead_letters.DeadLettersRedrive.as_view(), name="dead-letters-redrive"),
    re_path(r"^api/dead-letters/discard/?$", dead_letters.DeadLettersDiscard.as_view(), name="dead-letters-discard"),
    re_path(rf"^api/dead-letters/{NUMBER}/?$", dead_letters.DeadLetterView.as_view(), name="dead-letter"),
    re_path(rf"^api/dead-letters/{NUMBER}/redrive/?$", dead_letters.DeadLetterRedrive.as_view(), name="letter-redrive"),
    re_path(rf"^api/dead-letters/{NUMBER}/discard/?$", dead_letters.DeadLetterDiscard.as_view(), name="letter-discard"),
    re_path(r"^api/jobs/?$", jobs.JobList.as_view(), name="job-list"),
    re_path(rf"^api/jobs/{NUMBER}/?$", jobs.JobView.as_view(), name="job"),
    re_path(rf"^api/jobs/{NUMBER}/cancel/?$", jobs.JobCancel.as_view(), name="job-cancel"),
    re_path(rf"^api/jobs/{NUMBER}/pause/?$", jobs.JobPause.as_view(), name="job-pause"),
    re_path(rf"^api/jobs/{NUMBER}/resume/?$", jobs.JobResumption.as_view(), name="job-resumption"),
    re_path(r"^api/pipeline/?$", pipeline.PipelineView.as_view(), name="pipeline"),
    re_path(
        rf"^api/pipeline/partitions/{TOPIC}/{PARTITION}/resume/?$",
        partitions.PartitionResumption.as_view(),
        name="partition-resumption",
    ),
    re_path(r"^api/pipeline/ledger/?$", pipeline.LedgerView.as_view(), name="ledger"),
    re_path(r"^api/keys/?$", keys.KeyList.as_view(), name="key-list"),
    re_path(rf"^api/keys/{PREFIX}/rotate/?$", keys.KeyRotation.as_view(), name="key-rotation"),
    re_path(rf"^api/keys/{PREFIX}/expire/?$", keys.KeyExpiryView.as_view(), name="key-expiry"),
    re_path(rf"^api/keys/{PREFIX}/revoke/?$", keys.KeyRevocation.as_view(), name="key-revocation"),
    re_path(r"^api/config/?$", config.ConfigurationView.as_view(), name="configuration"),
    re_path(r"^api/logic/?$", revisions.LogicView.as_view(), name="logic"),
    re_path(r"^api/logic/check/?$", revisions.LogicChecks.as_view(), name="logic-check"),
    re_path(r"^api/logic/revisions/?$", revisions.RevisionList.as_view(), name="revision-list"),
    re_path(rf"^api/logic/revisions/{NUMBER}/?$", revisions.RevisionView.as_view(), name="revision"),
    re_path(rf"^api/logic/revisions/{NUMBER}/diff/?$", revisions.RevisionDiff.as_view(), name="revision-diff"),
    re_path(
        rf"^api/logic/revisions/{NUMBER}/activate/?$",
        revisions.RevisionActivation.as_view(),
        name="revision-activation",
    ),
    re_path(r"^api/logic/trials/?$", runs.Trials.as_view(), name="trial-list"),
    re_path(r"^api/replays/?$", runs.Replays.as_view(), name="replay-list"),
    re_path(r"^api/logic/schemas/?$", parts.SchemaList.as_view(), name="payload-schema-list"),
    re_path(rf"^api/logic/schemas/{PART}/?$", parts.SchemaView.as_view(), name="payload-schema"),
    re_path(r"^api/logic/tables/?$", parts.TableList.as_view(), name="table-list"),
    re_path(rf"^api/logic/tables/{PART}/?$", parts.TableView.as_view(), name="table"),
    re_path(r"^api/schema/?$", schema.Schema.as_view(), name="schema"),
    re_path(r"^api/docs/?$", schema.Docs.as_view(), name="docs"),
    re_path(r"^api/.", nothing),
]
