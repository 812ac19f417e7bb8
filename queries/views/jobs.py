"""The API of jobs. Cancelling one needs a key with the scope `admin`."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from processing.dead_letters.schemas import JobShape
from queries import authentication, openapi
from queries.dead_letters import jobs
from queries.request import pagination
from queries.request.pagination import Address
from queries.request.query_params import Parameters
from queries.schemas import Page
from queries.scoped_views import scope_of


class JobList(APIView):
    """Long operations, newest first."""

    name = "Jobs"

    @openapi.describe(Page[JobShape], name="listJobs", parameters=jobs.PARAMETERS)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=jobs.PARAMETERS)
        return Response(
            pagination.as_json(jobs.page(parameters, scope=scope_of(request)), Address.of(request, parameters))
        )


class JobView(APIView):
    """One long operation and its progress."""

    name = "Job"

    @openapi.describe(JobShape, name="getJob", errors=(404,))
    def get(self, request: Request, number: str) -> Response:
        Parameters(request.query_params, known=())
        return Response(jobs.one(int(number), scope=scope_of(request)))


class JobCancel(APIView):
    """Cancel a job after its current step. Needs the scope `admin`."""

    name = "Cancel a job"

    @openapi.describe(JobShape, name="cancelJob", errors=(401, 403, 404))
    def post(self, request: Request, number: str) -> Response:
        authentication.admin_name(request)
        return Response(jobs.cancel(int(number), scope=authentication.admin_scope(request)))
