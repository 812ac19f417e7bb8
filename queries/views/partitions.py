"""The API of paused partitions. Needs a key with the scope `admin` for all sources."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code
from queries import authentication
from queries.openapi.describe import About, describe
from queries.openapi.operation import Access
from queries.pipeline import partitions
from queries.pipeline.partitions import ResumePartition
from queries.request import json_body
from queries.schemas import ResumedPartition
from queries.scoped_views import ApiView


class PartitionResumption(ApiView):
    """A POST lets consumers continue a held partition, within seconds. GET /api/pipeline/ lists held partitions."""

    name = "Resume a partition"

    @describe(
        ResumedPartition,
        About(
            name="resumePartition",
            tag="Pipeline",
            summary="Resume a held partition",
            body=ResumePartition,
            access=Access.KEY,
            codes=(Code.NOT_FOUND, Code.SOURCE_NOT_ALLOWED, Code.BROKER_UNAVAILABLE),
        ),
    )
    def post(self, request: Request, topic: str, partition: str) -> Response:
        grant = authentication.operator(request)
        body = json_body.read(request, ResumePartition)
        resumed = partitions.resume(
            topic,
            int(partition),
            scope=ReadScope(grant.sources),
            who=f"key {grant.key}",
            through_end=body.through_end,
        )
        return Response(resumed)
