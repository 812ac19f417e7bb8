"""The API of jobs. Cancelling one needs a key with the scope `admin`."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from processing.letters.shapes import JobShape
from queries import described, gate, job_list, paging
from queries.paging import Address
from queries.parameters import Parameters
from queries.shapes import Page


class JobList(APIView):
    """Long operations, newest first."""

    name = "Jobs"

    @described.describe(Page[JobShape], name="listJobs", parameters=job_list.PARAMETERS)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=job_list.PARAMETERS)
        return Response(paging.as_json(job_list.page(parameters), Address.of(request, parameters)))


class JobView(APIView):
    """One long operation and its progress."""

    name = "Job"

    @described.describe(JobShape, name="getJob", errors=(404,))
    def get(self, request: Request, number: str) -> Response:
        Parameters(request.query_params, known=())
        return Response(job_list.one(int(number)))


class JobCancel(APIView):
    """Cancel a job after its current step. Needs the scope `admin`."""

    name = "Cancel a job"

    @described.describe(JobShape, name="cancelJob", errors=(401, 403, 404))
    def post(self, request: Request, number: str) -> Response:
        gate.admin_name(request)
        return Response(job_list.cancel(int(number)))
