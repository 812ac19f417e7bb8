"""The page of trials and replays: plan and start one, go on from a plan, undo a replay. Their jobs have pages of their own."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from dashboard.frame.page import Shown
from dashboard.pages.logic import addresses, editing
from dashboard.pages.logic.editing import logic_action, logic_page
from dashboard.pages.logic.history_form import COUNT, REPLAY, HistoryForm
from ingestion.auth.read_scope import ReadScope
from processing.logic.history import InvalidHistory
from processing.logic.presentation import shapes
from queries.logic import history_jobs
from queries.logic.history_jobs import HistoryJob
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable

SELECTION = ("sources", "since", "until", "action")  # parameters of the address that fill the form in


@logic_page("replays", part="replays", parameters=("job", "revision", *SELECTION))
def replays(request: HttpRequest, scope: ReadScope) -> Shown:
    """The newest trials and replays, and the form that starts one. `?job=` fills it in with what goes on from that one."""
    number = addresses.asked(request.GET, "job")
    with postgres.bounded():
        current = shapes.current_number()
        found = history_jobs.newest(scope=scope)
        job = None if number is None else history_jobs.one(number, scope=scope)
        judged = history_jobs.judged_before(job, scope=scope) if job and job["undo"] is not None else []
    wanted = addresses.asked(request.GET, "revision")
    given = {name: request.GET[name] for name in SELECTION if name in request.GET}
    initial = {"action": COUNT, "revision": current if wanted is None else wanted, **given}
    form = HistoryForm(initial=initial if job is None else _next(job))
    return Shown({"runs": found, "job": job, "judgedBefore": judged, "currentNumber": current}, {"form": form})


@logic_action
def start(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Create the job, and show its page; or say what is wrong."""
    form, status = HistoryForm(request.POST), 422
    if form.is_valid():
        try:
            with postgres.bounded():
                return HttpResponseRedirect(addresses.job(form.request(who=editing.who(request)).pk))
        except InvalidHistory as error:
            form.add_error(None, f"Nothing was started: {error}.")
        except ReadUnavailable:
            form.add_error(None, editing.AWAY)
            status = 503
    try:
        found = history_jobs.newest(scope=scope)
    except ReadUnavailable:
        found = []
    return editing.answer(request, "replays", {"form": form, "runs": found}, part="replays", status=status)


def _next(job: HistoryJob) -> dict[str, object]:
    """Return what the form has to go on from a job: a plan is carried out, a trial planned, a replay undone."""
    selection = {"sources": " ".join(job["sources"]), "since": job["since"] or "", "until": job["until"] or ""}
    if job["what"] == "count":
        return {**selection, "revision": job["revision"], "action": REPLAY}
    return {**selection, "revision": job["revision"] if job["undo"] is None else job["undo"], "action": COUNT}
