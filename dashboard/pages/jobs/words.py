"""What each kind of job is called and about, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

from dashboard.panels.tables import Cell, cell, letters_link, source_link
from ingestion.problems import in_words
from processing.comparisons import request as comparisons
from processing.dead_letters import redrive
from processing.dead_letters.closing import discard, reopen
from processing.dead_letters.mending import steps
from processing.demo import job as demo
from processing.field_indexes import declaring
from processing.models import Job
from processing.packing import job as packing
from processing.replays import request as replays
from processing.stores.mongodb.documents import RESTORE_JOB
from processing.trials import request as trials

Arguments = Mapping[str, Any]

SHOWN_IDS = 20
SHOWN_SOURCES = 10
# Parameters of the list of dead letters, by the names in a selection.
_LIST = {"reason": "code", "source_id": "source_id", "fingerprint": "fingerprint"}
_SELECTED_BY = {
    "ids": "numbers",
    "source_id": "source",
    "event_id": "event id",
    "since": "first seen from",
    "until": "first seen before",
    "text": "detail or reason contains",
}


class Fact(TypedDict):
    """A name and its value."""

    name: str
    cell: Cell


class Words(NamedTuple):
    """A kind of job in words."""

    title: str
    unit: str  # what is counted, in the plural
    about: Callable[[Arguments], str]
    facts: Callable[[Arguments], list[Fact]]


def of(job: Job) -> Words:
    """Return the words of a job; one of another release is called by its kind, with what it was asked to do as it stands."""
    title = job.kind.replace("_", " ").capitalize()
    return KINDS.get(job.kind) or Words(title, "", lambda _: "", _as_it_stands)


def _fact(name: str, value: object, href: str | None = None) -> Fact:
    return {"name": name, "cell": cell(value if isinstance(value, int | str) else str(value), href)}


def _selection(arguments: Arguments) -> list[Fact]:
    found = arguments.get("selection", {})
    facts = [
        _fact(_SELECTED_BY.get(name, name).capitalize(), _selected(name, value), _list_link(name, value))
        for name, value in found.items()
    ]
    return facts or [_fact("Selection", "all open letters", letters_link(state="open"))]


def _selected(name: str, value: object) -> str:
    if name == "reason":
        return in_words(str(value))
    if isinstance(value, list):
        more = f" and {len(value) - SHOWN_IDS:,} more" if len(value) > SHOWN_IDS else ""
        return ", ".join(map(str, value[:SHOWN_IDS])) + more
    return str(value) or ("none" if name == "pointer" else "can't be read")


def _list_link(name: str, value: object) -> str | None:
    if name == "ids" and isinstance(value, list) and len(value) == 1:
        return f"/dead-letters/{value[0]}/"
    return letters_link(**{_LIST[name]: str(value)}) if name in _LIST else None


def _about_letters(arguments: Arguments) -> str:
    found = arguments.get("selection", {})
    if found.keys() == {"ids"}:
        ids = found["ids"]
        return f"letter {ids[0]}" if len(ids) == 1 else f"{len(ids):,} letters"
    chosen = [f"{_SELECTED_BY.get(name, name)}: {_selected(name, value)}" for name, value in found.items()]
    return ", ".join(chosen) or "all open letters"


def _of_redrive(arguments: Arguments) -> list[Fact]:
    rate = arguments.get("rate")
    edited = [_fact("Content", "edited")] if arguments.get("edited") is not None else []
    return [
        *_selection(arguments),
        *edited,
        *_mend(arguments),
        _fact("Rate", f"at most {rate:,} events a second" if rate else "no limit"),
        *_note(arguments),
    ]


def _mend(arguments: Arguments) -> list[Fact]:
    return [_fact("Mend", steps.sentence(steps.from_json(arguments["mend"])))] if "mend" in arguments else []


def _of_discard(arguments: Arguments) -> list[Fact]:
    return [*_selection(arguments), *_note(arguments)]


def _note(arguments: Arguments) -> list[Fact]:
    return [_fact("Note", arguments["note"])] if arguments.get("note") else []


def _about_history(arguments: Arguments) -> str:
    sources = _named(arguments.get("sources", ()))
    return f"{_revision(arguments)}, {sources}{_span(arguments.get('since'), arguments.get('until'))}"


def _of_history(arguments: Arguments) -> list[Fact]:
    return [
        _fact("Logic", _revision(arguments), f"/logic/revisions/{arguments.get('revision', 0)}/"),
        _fact("Sources", _named(arguments.get("sources", ()))),
        _fact("Event time", _span(arguments.get("since"), arguments.get("until")).strip() or "all"),
    ]


def _of_trial(arguments: Arguments) -> list[Fact]:
    limit = arguments.get("limit")
    return [*_of_history(arguments), *([_fact("At most", f"{limit:,} events")] if limit else [])]


def _about_replay(arguments: Arguments) -> str:
    return ("dry run, " if arguments.get("dryRun") else "") + _about_history(arguments)


def _of_replay(arguments: Arguments) -> list[Fact]:
    rate = arguments.get("rate")
    options = {
        "dryRun": "a dry run, which changes nothing",
        "publish": "changed events are published to processed-data again",
        "letters": "dead letters of logic are redriven, too",
    }
    chosen = [text for name, text in options.items() if arguments.get(name)]
    return [
        *_of_history(arguments),
        _fact("Rate", f"at most {rate:,} events a second" if rate else "no limit"),
        *([_fact("Options", "; ".join(chosen))] if chosen else []),
    ]


def _revision(arguments: Arguments) -> str:
    number = arguments.get("revision")
    return f"revision {number}" if number else "without logic"


def _named(sources: Sequence[str]) -> str:
    more = f" and {len(sources) - SHOWN_SOURCES:,} more" if len(sources) > SHOWN_SOURCES else ""
    return ", ".join(sources[:SHOWN_SOURCES]) + more if sources else "all sources"


def _span(since: str | None, until: str | None) -> str:
    return (f" from {since}" if since else "") + (f" before {until}" if until else "")


def _about_reconcile(arguments: Arguments) -> str:
    received = _span(arguments.get("receivedFrom"), arguments.get("receivedTo"))
    return (arguments.get("sourceId") or "everything") + (f", received{received}" if received else "")


def _of_reconcile(arguments: Arguments) -> list[Fact]:
    source = arguments.get("sourceId")
    received = _span(arguments.get("receivedFrom"), arguments.get("receivedTo")).strip()
    return [
        _fact("Source", source or "all", source and source_link(source)),
        _fact("Received", received or "at any time"),
    ]


def _about_index(arguments: Arguments) -> str:
    verb = "drop the one" if arguments.get("action") == declaring.DROP else "make one"
    return f"{verb} on {arguments.get('field')} of {arguments.get('pattern')}"


def _as_it_stands(arguments: Arguments) -> list[Fact]:
    return [_fact(name, value) for name, value in arguments.items()]


def _nothing(_: Arguments) -> list[Fact]:
    return []


KINDS: Mapping[str, Words] = {
    redrive.KIND: Words("Redrive dead letters", "letters", _about_letters, _of_redrive),
    discard.KIND: Words("Discard dead letters", "letters", _about_letters, _of_discard),
    reopen.KIND: Words("Reopen dead letters", "letters", _about_letters, _of_discard),
    replays.KIND: Words("Replay events", "events", _about_replay, _of_replay),
    trials.KIND: Words("Try logic on history", "events", _about_history, _of_trial),
    comparisons.KIND: Words("Reconcile the stores", "", _about_reconcile, _of_reconcile),
    declaring.KIND: Words("Index a field", "partitions", _about_index, _nothing),
    demo.KIND: Words("Demo", "seconds", lambda _: "sources that are well and ill", _nothing),
    packing.KIND: Words("Pack rollups and ledger", "rows", lambda _: "all that is old enough", _nothing),
    RESTORE_JOB: Words(
        "Restore lost documents", "documents", lambda _: "those that MongoDB has lost, from rows", _nothing
    ),
}
