"""The API of paused partitions. Needs a key with the scope `admin` for all sources."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ingestion.auth.read_scope import ReadScope
from queries import authentication, openapi
from queries.pipeline import partitions
from queries.pipeline.partitions import ResumePartition
from queries.request import json_body
from queries.schemas import ResumedPartition


class PartitionResumption(APIView):
    """A POST lets consumers continue a held partition, within seconds. GET /api/pipeline/ lists held partitions."""

    name = "Resume a partition"

    @openapi.describe(ResumedPartition, name="resumePartition", body=ResumePartition, errors=(401, 403, 404, 415))
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
