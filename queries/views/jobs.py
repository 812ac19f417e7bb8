"""The API of jobs. Cancelling one needs a key with the scope `admin`."""

from __future__ import annotations

from functools import partial

from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.problems import Code
from processing.dead_letters.schemas import JobDetail, JobShape
from processing.jobs import queue
from queries import authentication
from queries.dead_letters import jobs
from queries.openapi import parameters as documented
from queries.openapi.describe import About, describe
from queries.openapi.operation import Access
from queries.request import pagination
from queries.request.pagination import Address
from queries.request.query_params import Parameters
from queries.schemas import Page
from queries.scoped_views import ApiView, scope_of

ONE = (Code.NOT_FOUND, Code.SOURCE_NOT_ALLOWED)


class JobList(ApiView):
    """Long operations, newest first."""

    name = "Jobs"

    @describe(
        Page[JobShape],
        About(
            name="listJobs",
            tag="Jobs",
            summary="List jobs",
            parameters=documented.JOBS,
            codes=(Code.SOURCE_NOT_ALLOWED,),
        ),
    )
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=jobs.PARAMETERS)
        return Response(
            pagination.as_json(jobs.page(parameters, scope=scope_of(request)), Address.of(request, parameters))
        )


class JobView(ApiView):
    """One long operation, its progress and its report."""

    name = "Job"

    @describe(JobDetail, About(name="getJob", tag="Jobs", summary="Get one job", codes=ONE))
    def get(self, request: Request, number: str) -> Response:
        Parameters(request.query_params, known=())
        raw = authentication.reads_documents(request)
        return Response(jobs.one(int(number), scope=scope_of(request), raw=raw))


class JobCancel(ApiView):
    """Cancel a job after its current step. Needs the scope `admin`."""

    name = "Cancel a job"

    @describe(JobShape, About(name="cancelJob", tag="Jobs", summary="Cancel a job", access=Access.KEY, codes=ONE))
    def post(self, request: Request, number: str) -> Response:
        act = partial(queue.cancel, who=authentication.admin_name(request))
        return Response(jobs.change(int(number), act, scope=authentication.admin_scope(request)))


class JobPause(ApiView):
    """Pause a job after its current step; a POST to `/resume/` lets it go on. Needs the scope `admin`."""

    name = "Pause a job"

    @describe(JobShape, About(name="pauseJob", tag="Jobs", summary="Pause a job", access=Access.KEY, codes=ONE))
    def post(self, request: Request, number: str) -> Response:
        act = partial(queue.pause, who=authentication.admin_name(request))
        return Response(jobs.change(int(number), act, scope=authentication.admin_scope(request)))


class JobResumption(ApiView):
    """Let a paused job go on. Needs the scope `admin`."""

    name = "Resume a job"

    @describe(JobShape, About(name="resumeJob", tag="Jobs", summary="Resume a job", access=Access.KEY, codes=ONE))
    def post(self, request: Request, number: str) -> Response:
        act = partial(queue.resume, who=authentication.admin_name(request))
        return Response(jobs.change(int(number), act, scope=authentication.admin_scope(request)))
