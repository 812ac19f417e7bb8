"""What a sender may ask for with a batch, and the outcome of the batch by those options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, NotRequired, TypedDict

from ingestion import problems
from ingestion.events.batch import ParsedBatch, Rejected
from ingestion.problems import Code


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


def is_withheld(parsed: ParsedBatch, options: Options) -> bool:
    """Return whether valid events are rejected with the others, since the sender asked for all or none."""
    return options.atomic and bool(parsed.rejected) and not parsed.single


def outcome(parsed: ParsedBatch, options: Options) -> Outcome:
    """Return the outcome of a batch whose valid events are in Kafka, if they are to be."""
    return _withheld(parsed, options) if is_withheld(parsed, options) else _accepted(parsed, options)


def _accepted(parsed: ParsedBatch, options: Options) -> Outcome:
    results = [_rejected_event(item) for item in parsed.rejected]
    if options.list_all:
        pairs = zip(parsed.positions(), parsed.events, strict=True)
        results += [{"index": index, "status": "accepted", "eventId": event.id} for index, event in pairs]
        results.sort(key=lambda result: result["index"])
    refusal = None
    if parsed.rejected and not parsed.events:
        refusal = (_code_of_none(results), "no event of the batch was accepted")
    return Outcome(len(parsed.events), len(parsed.rejected), results, refusal)


def _withheld(parsed: ParsedBatch, options: Options) -> Outcome:
    results = [_rejected_event(item) for item in parsed.rejected]
    if options.list_all:
        results += [_withheld_event(index) for index in parsed.positions()]
        results.sort(key=lambda result: result["index"])
    refusal = (_code_of_none(results), "not every event is good, and all or none was asked for")
    return Outcome(0, len(parsed.events) + len(parsed.rejected), results, refusal)


def _code_of_none(results: list[Result]) -> Code:
    codes = {Code(result["code"]) for result in results if "code" in result}
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
