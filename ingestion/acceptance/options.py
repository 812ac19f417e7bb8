"""What a sender may ask for with a batch, and the outcome of the batch by those options."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, NotRequired, TypedDict

from ingestion import problems
from ingestion.events.batch import ParsedBatch, Rejected
from ingestion.problems import Code

MAX_FAULTS = 100  # rejected events that an answer lists
WITHHELD = "not every event is good, and all or none was asked for"
MAX_FAULT_TEXT = 64 * 1024  # characters of their pointers and details together


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a request."""

    list_all: bool = False  # report the accepted events too
    atomic: bool = False  # all events or none
    validate: bool = False  # check the events only, publish nothing


class Result(TypedDict):
    """The result of one event of a batch. A rejected one has a code, a pointer and a detail, an accepted one its id."""

    index: int
    status: str
    eventId: NotRequired[str]
    code: NotRequired[str]
    pointer: NotRequired[str]
    detail: NotRequired[str]


class Outcome(NamedTuple):
    """The outcome of a batch, in no protocol's terms."""

    accepted: int
    rejected: int
    results: list[Result]
    refusal: tuple[Code, str] | None = None  # no event was accepted: the code and the detail
    error_count: int | None = None  # of all faults, if not all of them are in the results


def is_withheld(parsed: ParsedBatch, options: Options) -> bool:
    """Return whether valid events are rejected with the others, since the sender asked for all or none."""
    return options.atomic and bool(parsed.rejected) and not parsed.single


def outcome(parsed: ParsedBatch, options: Options) -> Outcome:
    """Return the outcome of a batch whose valid events are in Kafka, if they are to be."""
    return _withheld(parsed, options) if is_withheld(parsed, options) else _accepted(parsed, options)


def _accepted(parsed: ParsedBatch, options: Options) -> Outcome:
    results = _listed(parsed)
    error_count = _error_count(parsed, results)
    if options.list_all:
        pairs = zip(parsed.positions(), parsed.events, strict=True)
        results += [{"index": index, "status": "accepted", "eventId": event.id} for index, event in pairs]
        results.sort(key=lambda result: result["index"])
    refusal = None
    if parsed.rejected and not parsed.events:
        refusal = (_code_of_none(parsed), "no event of the batch was accepted")
    return Outcome(len(parsed.events), len(parsed.rejected), results, refusal, error_count)


def _withheld(parsed: ParsedBatch, options: Options) -> Outcome:
    results = _listed(parsed)
    error_count = _error_count(parsed, results)
    if options.list_all:
        # They are rejected, too, and all for the same reason.
        results += [_withheld_event(index) for index in islice(parsed.positions(), MAX_FAULTS - len(results))]
        results.sort(key=lambda result: result["index"])
    refusal = (_code_of_none(parsed), WITHHELD)
    return Outcome(0, len(parsed.events) + len(parsed.rejected), results, refusal, error_count)


def _listed(parsed: ParsedBatch) -> list[Result]:
    """Return the first rejected events: an answer to a thousand of them would be as long as what was sent."""
    listed: list[Result] = []
    left = MAX_FAULT_TEXT
    for item in parsed.rejected[:MAX_FAULTS]:
        left -= len(item.pointer) + len(item.detail)
        if listed and left < 0:
            break
        listed.append(_rejected_event(item))
    return listed


def _error_count(parsed: ParsedBatch, listed: list[Result]) -> int | None:
    return None if len(listed) == len(parsed.rejected) else len(parsed.rejected)


def _code_of_none(parsed: ParsedBatch) -> Code:
    codes = {item.code for item in parsed.rejected}
    # A batch that is rejected for its sources alone is forbidden, not wrong.
    forbidden = all(problems.status_of(code) == 403 for code in codes)
    return min(codes) if forbidden else Code.NOTHING_ACCEPTED


def _rejected_event(item: Rejected) -> Result:
    return {
        "index": item.index,
        "status": "rejected",
        "code": item.code.value,
        "pointer": item.pointer,
        "detail": item.detail,
    }


def _withheld_event(index: int) -> Result:
    return {
        "index": index,
        "status": "rejected",
        "code": Code.NOTHING_ACCEPTED.value,
        "pointer": "",
        "detail": "this event is good, but another one of the batch is not",
    }
