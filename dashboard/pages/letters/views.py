"""The pages of dead letters: groups and lists, one letter, and the plans of a redrive and a discard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, cast

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.frame.page import NotPermitted, Shown, may, page
from dashboard.pages.letters import chosen as chosen_letters
from dashboard.pages.letters import listing, one, plans, rules, step_forms
from dashboard.pages.letters.chosen import Chosen
from dashboard.pages.letters.one import Checked
from ingestion.auth.read_scope import ReadScope
from ingestion.http.streamed_answer import StreamedAnswer
from ingestion.problems import RequestRejected
from processing.dead_letters import export as letter_export
from processing.dead_letters import rendering
from processing.dead_letters.mending import mend as mends
from processing.dead_letters.mending.steps import Mend, sentence
from processing.dead_letters.redrive import MAX_RATE
from processing.models import DeadLetter
from queries import user_scopes
from queries.dead_letters.listing import DeadLetterNotFound
from queries.pipeline import dependencies
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.request.query_params import InvalidParameter, Parameters
from queries.scoped_views import scoped

PERMISSION = "processing.change_deadletter"
VIEW = "processing.view_deadletter"
MAX_NUMBER = 2**63 - 1

T = TypeVar("T")


@page("dashboard/letters/list.html", here="dead-letters")
def letters(request: HttpRequest, scope: ReadScope) -> Shown:
    """Groups with the same cause; the letters themselves for a cause, a job, numbers, a search or `?show=letters`."""
    answers = _answers()
    parameters, chosen = _chosen(request, scope, "show", "span", "order", *listing.PAGE, answers=answers)
    one_by_one = _valid(lambda: parameters.choice("show", ["letters", "groups"])) or (
        "letters" if chosen.is_narrow else "groups"
    )
    read = _listed if one_by_one == "letters" else _grouped
    data: dict[str, object] = {"unknown": True}
    extra: dict[str, object] = {}
    with suppress(ReadUnavailable):
        if answers:
            found, shown = _valid(lambda: read(chosen, parameters, scope))
            acts = {"acts": _acts(request, scope), "exports": may(request.user, VIEW)}
            data, extra = found, {**shown, **acts, "facets": listing.facets(chosen, scope=scope)}
    common = {
        "show": one_by_one,
        "states": listing.states(chosen),
        "query": chosen.query(),
        "filters": chosen.told(),
        "given": chosen.given,
    }
    return Shown(data, {**common, **extra})


@page("dashboard/letters/letter.html", here="dead-letters")
def letter(request: HttpRequest, scope: ReadScope, number: int) -> Shown:
    """One letter; `?mend=` fills the form for its edit."""
    parameters = _valid(lambda: chosen_letters.parameters_of(request.GET, known=("mend",)))
    try:
        dependencies.require_postgresql()
        row, data = one.shown(known_number(number), scope=scope)
        extra = _edit(request, scope, row, parameters)
    except DeadLetterNotFound as error:
        raise Http404("There is no dead letter of this number that you may see.") from error
    except ReadUnavailable:
        return Shown({"letter": None})
    return Shown({"letter": data}, extra)


@page("dashboard/letters/redrive.html", here="dead-letters")
def redrive(request: HttpRequest, scope: ReadScope) -> Shown:
    """The plan of a redrive: which letters, changed how, how long it takes; `?try=1` does a dry run."""
    known = ("up_to", "rate", "note", "try", "add", *step_forms.PARAMETERS)
    parameters, chosen = _for_operator(request, scope, *known)
    rows, mend, wrong = step_forms.read(parameters)
    up_to, rate = _valid(lambda: (_up_to(parameters), _rate(parameters)))
    plan = plans.plan(chosen, scope=scope, up_to=up_to)
    is_tried = "try" in request.GET and not wrong
    outcome = plans.tried(chosen, mend, scope=scope, up_to=plan["upTo"]) if is_tried else None
    like = plans.newest_of(chosen)
    extra = {
        **_form(rows, wrong, mend),
        "given": chosen.given,
        "query": chosen.query(),
        "rate": rate,
        "most_rate": MAX_RATE,
        "note": _valid(lambda: parameters.text("note", most=1_000)) or "",
        "seconds": plans.seconds(plan["total"], rate=rate, scope=scope),
        "suggestions": plans.suggested(like, scope=scope) if like and not mend else [],
        "rule": rules.address(mend, like.source_id) if mend and like and like.stage in rules.STAGES else None,
        "unseen": mend is not None and like is not None and like.stage not in rules.STAGES,
    }
    return Shown({"plan": plan, "tried": outcome}, extra)


@page("dashboard/letters/discard.html", here="dead-letters")
def discard(request: HttpRequest, scope: ReadScope) -> Shown:
    """The plan of a discard: which letters."""
    parameters, chosen = _for_operator(request, scope, "up_to")
    plan = plans.plan(chosen, scope=scope, up_to=_valid(lambda: _up_to(parameters)))
    return Shown({"plan": plan}, {"query": chosen.query()})


@page("dashboard/letters/reopen.html", here="dead-letters")
def reopen(request: HttpRequest, scope: ReadScope) -> Shown:
    """The plan of undoing a discard: which letters."""
    parameters, chosen = _for_operator(request, scope, "up_to")
    plan = plans.plan(chosen, scope=scope, up_to=_valid(lambda: _up_to(parameters)), reopening=True)
    return Shown({"plan": plan}, {"query": chosen.query()})


@require_safe
@never_cache
@scoped
def export(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """The chosen letters whole, as NDJSON."""
    if not may(request.user, VIEW):
        raise NotPermitted(VIEW)
    _, chosen = _chosen(request, scope, "show", "span", "order")
    lines = letter_export.lines(chosen.selection, scope=scope, reading=postgres.bounded)
    if request.method == "HEAD":
        lines = iter(())
    answer = StreamingHttpResponse(StreamedAnswer(lines), content_type=letter_export.CONTENT_TYPE)
    answer["Content-Disposition"] = 'attachment; filename="dead-letters.ndjson"'
    return cast("HttpResponse", answer)  # of Django's other class of responses


def edited(
    request: HttpRequest, scope: ReadScope, row: DeadLetter, text: str, *, checked: Checked | None = None
) -> dict[str, object]:
    """Return what the form for an edit shows.

    :param checked: what a check of the text said; None: it was not checked
    """
    return {
        "acts": _acts(request, scope),
        "text": text,
        "checked": checked,
        "suggestions": plans.suggested(row, scope=scope),
        "this": chosen_letters.of_letter(row.pk, row.state),
    }


def _edit(request: HttpRequest, scope: ReadScope, row: DeadLetter, parameters: Parameters) -> dict[str, object]:
    text = rendering.to_editable_text(row)
    _, mend, wrong = step_forms.read(parameters)
    if wrong:
        raise Http404(wrong)
    if mend is None or not _acts(request, scope):
        return edited(request, scope, row, text)
    try:
        text = rendering.indented(mends.mended_text(row, mend))
    except mends.UNFIXED:
        return edited(request, scope, row, text)
    return {**edited(request, scope, row, text, checked=one.checked(row, text.encode())), "mended": sentence(mend)}


def _listed(chosen: Chosen, parameters: Parameters, scope: ReadScope) -> tuple[dict[str, object], dict[str, object]]:
    return listing.listed(chosen, parameters, scope=scope), {}


def _grouped(chosen: Chosen, parameters: Parameters, scope: ReadScope) -> tuple[dict[str, object], dict[str, object]]:
    found = listing.grouped(chosen, parameters, scope=scope, now=chosen_letters.now())
    extra = {
        "drawn": listing.drawn(found, chosen),
        "spans": [(value, title, chosen.query(span=value)) for value, title in listing.SPANS.items()],
        "orders": [(value, title, chosen.query(order=value)) for value, title in listing.ORDERS.items()],
    }
    return found, extra


def _form(rows: list[step_forms.Row], wrong: str, mend: Mend | None) -> dict[str, object]:
    empty: step_forms.Row = {"do": "", "field": "", "with": "", "zone": ""}
    return {
        "rows": [*rows, empty],
        "wrong": wrong,
        "choices": step_forms.CHOICES.items(),
        "formats": step_forms.FORMATS,
        "mend": "" if mend is None else step_forms.as_text(mend),
        "mended": "" if mend is None else sentence(mend),
    }


def _for_operator(request: HttpRequest, scope: ReadScope, *known: str) -> tuple[Parameters, Chosen]:
    if not may(request.user, PERMISSION):
        raise NotPermitted(PERMISSION)
    require_all_sources(request, scope)
    return _chosen(request, scope, *known)


def _answers() -> bool:
    """Return whether PostgreSQL answers. After one read that failed, each further one would wait for its own time limit."""
    try:
        dependencies.require_postgresql()
    except ReadUnavailable:
        return False
    return True


def _chosen(request: HttpRequest, scope: ReadScope, *known: str, answers: bool = True) -> tuple[Parameters, Chosen]:
    def read() -> tuple[Parameters, Chosen]:
        parameters = chosen_letters.parameters_of(request.GET, known=known, repeated=step_forms.COLUMNS)
        return parameters, chosen_letters.from_parameters(parameters, scope=scope, answers=answers)

    return _valid(read)


def _valid(read: Callable[[], T]) -> T:
    """Return what was read; parameters that can't be used are an address that does not exist."""
    try:
        return read()
    except InvalidParameter as error:
        raise Http404(error.detail) from error


def _acts(request: HttpRequest, scope: ReadScope) -> bool:
    """Return whether to offer actions: not while it can't be known."""
    try:
        return scope.whole and may(request.user, PERMISSION) and user_scopes.scope_of(request.user).whole
    except (ReadUnavailable, RequestRejected):
        return False


def _up_to(parameters: Parameters) -> int | None:
    return parameters.integer("up_to", default=-1, least=0, most=10**18 - 1) if "up_to" in parameters.given else None


def _rate(parameters: Parameters) -> int | None:
    return parameters.integer("rate", default=0, least=1, most=MAX_RATE) or None


def require_all_sources(request: HttpRequest, scope: ReadScope) -> None:
    """Check that a person is for all sources: a job may send an event to another source, and it closes whole chains.

    Where reading is open, the scope of the request is that of everybody.

    :raises RequestRejected: the person is for some sources
    """
    scope.require_whole()
    user_scopes.scope_of(request.user).require_whole()


def known_number(number: int) -> int:
    """Return the number of a letter that there may be.

    :raises DeadLetterNotFound: it is too high
    """
    if number > MAX_NUMBER:
        raise DeadLetterNotFound
    return number
