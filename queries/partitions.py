"""Resumes a partition that the dead letter breaker holds, for whoever has a key with the scope `admin`."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ingestion.problems import Code
from ingestion.requests import Refused
from processing import holds
from processing.failures import NeedsOperator, StoreUnavailable
from processing.models import Hold
from queries import gate, postgres
from queries.inputs import Input


class ResumeInput(Input):
    """How to go on."""

    throughEnd = serializers.BooleanField(default=False)  # noqa: N815 - a member of JSON


class PartitionResumption(APIView):
    """A POST lets consumers, within seconds, read on where they stopped; GET /api/pipeline/ lists what is held."""

    name = "Resume a partition"
    schema = None

    def post(self, request: Request, topic: str, partition: str) -> Response:
        grant = gate.operator(request)
        wanted = ResumeInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        through_end = wanted.validated_data["throughEnd"]
        with postgres.bounded():
            one = holds.held_now().filter(topic__name=topic, partition=int(partition)).first()
        if one is None:
            raise _not_held(topic, partition)
        lenient_until = _present_end(one) if through_end else 0
        with postgres.bounded():
            if not holds.resume(one, who=f"key {grant.key}", lenient_until=lenient_until):
                raise _not_held(topic, partition)
        return Response({"topic": topic, "partition": one.partition, "lenientUntil": lenient_until})


def _not_held(topic: str, partition: str) -> Refused:
    return Refused(Code.NOT_FOUND, f"partition {partition} of {topic} is not held")


def _present_end(one: Hold) -> int:
    try:
        return holds.present_ends().get(one.partition, 0)
    except (StoreUnavailable, NeedsOperator) as error:
        raise Refused(Code.BROKER_UNAVAILABLE, "Kafka does not answer; without throughEnd it is not needed") from error
