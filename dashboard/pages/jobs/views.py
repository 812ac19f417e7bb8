"""The list of jobs, one job, and what an operator does with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypedDict
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from dashboard.frame.page import Shown, action, may, page
from dashboard.pages.jobs import reading
from dashboard.pages.jobs.words import KINDS
from ingestion.auth.read_scope import ReadScope
from processing.jobs import queue
from processing.jobs.queue import JobNotFound
from processing.models import Job
from queries.pipeline import dependencies
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.request.query_params import InvalidParameter, Parameters

PERMISSION = "processing.change_job"
EVENTS = "processing.view_event"  # permission: the examples in a report are events

Act = Callable[..., Job]
# What an operator may do with a job, by the last part of an address, and what is said then.
ACTIONS: Mapping[str, tuple[Act, str]] = {
    "cancel": (queue.cancel, "It ends, after the current step if it runs."),
    "pause": (queue.pause, "It pauses, after the current step if it runs."),
    "resume": (queue.resume, "It goes on."),
}
REPEAT = "repeat"
STATES = {"": "All", **{state.value: state.label for state in Job.State}}


class Choice(TypedDict):
    """A link that filters a list."""

    title: str
    address: str
    chosen: bool


@page("dashboard/jobs/list.html", here="jobs")
def jobs(request: HttpRequest, scope: ReadScope) -> Shown:
    """Jobs that are not finished, and the others, newest first; `?state=` and `?kind=` filter."""
    try:
        parameters = Parameters(request.GET, known=reading.PARAMETERS)
        dependencies.require_postgresql()
        found = reading.page(parameters, scope=scope, who=_who(request), now=_now())
    except InvalidParameter as error:
        raise Http404(error.detail) from error
    except ReadUnavailable:
        found, unknown = {"unfinished": [], "jobs": [], "next": None, "previous": None}, True
    else:
        unknown = False
    state, kind = request.GET.get("state", ""), request.GET.get("kind", "")
    extra = {
        "filtered": bool(state or kind),
        "states": [_choice(title, chosen=value == state, state=value, kind=kind) for value, title in STATES.items()],
        "kinds": [
            _choice(title, chosen=value == kind, state=state, kind=value)
            for value, title in {"": "All kinds", **{name: one.title for name, one in KINDS.items()}}.items()
        ],
        "page_query": _query(state=state, kind=kind),
        "state": None if scope.whole else "denied",
    }
    return Shown({**found, "unknown": unknown}, extra)


@page("dashboard/jobs/job.html", here="jobs", parameters=())
def job(request: HttpRequest, scope: ReadScope, number: int) -> Shown:
    """One job: how far it is, what happened to it, what it found."""
    try:
        dependencies.require_postgresql()
        examples = may(request.user, EVENTS)
        found = reading.one(number, scope=scope, who=_who(request), examples=examples, now=_now())
    except JobNotFound as error:
        raise Http404("There is no job of this number that you may see.") from error
    except ReadUnavailable:
        return Shown({"job": None})
    # The letters that it has sent are stored by consumers.
    waits = found["result"] is not None and "on their way" in found["result"]["sentence"]
    return Shown({"job": found}, {"waits": waits})


@action(PERMISSION)
def act(request: HttpRequest, scope: ReadScope, number: int, how: str) -> HttpResponse:
    """Cancel, pause or resume a job."""
    if how == REPEAT:
        return _repeat(request, scope, number)
    if how not in ACTIONS:
        raise Http404
    do, said = ACTIONS[how]
    with postgres.bounded():
        if not reading.visible(scope, _who(request)).filter(pk=number).exists():
            raise Http404("There is no job of this number that you may see.")
        changed = do(number, who=_who(request))
    if changed.state in (Job.State.DONE, Job.State.FAILED) or (
        changed.state == Job.State.CANCELLED and how != "cancel"
    ):
        messages.warning(request, f"Job {number} has ended already.")
    else:
        messages.success(request, f"Job {number}: {said}")
    return redirect("job", number)


def _repeat(request: HttpRequest, scope: ReadScope, number: int) -> HttpResponse:
    with postgres.bounded():
        found = reading.visible(scope, _who(request)).filter(pk=number).first()
        if found is None or not reading.is_repeatable(found):
            raise Http404("There is no job of this number that may be run again.")
        again = queue.repeat(number, who=_who(request))
    messages.success(request, f"Job {again.pk} does the same as job {number}.")
    return redirect("job", again.pk)


def _choice(title: str, *, chosen: bool, **query: str) -> Choice:
    return {"title": title, "address": f"?{_query(**query).rstrip('&')}", "chosen": chosen}


def _query(**given: str) -> str:
    """Return the parameters that are set, ready for one more."""
    text = urlencode({name: value for name, value in given.items() if value})
    return f"{text}&" if text else ""


def _who(request: HttpRequest) -> str:
    return request.user.get_username()


def _now() -> datetime:
    return datetime.now(tz=UTC)
