"""The ledger in words: what is proven, what still waits, and numbers of which only bounds are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypedDict

from processing.ledger.ledger import CountRange
from queries.schemas import HeldShape, LagShape, Pipeline

UNKNOWN = "–"


class Verdict(TypedDict):
    """The equation as a sentence. Its tone is `good` only if every term was counted and nothing waits for an operator."""

    tone: Literal["good", "warn", "bad"]
    text: str


class Told(TypedDict):
    """The numbers that may be ranges, as text."""

    accepted: str
    inFlight: str
    lag: str
    openDeadLetters: str
    parkedDeadLetters: str  # empty if there are none
    lettersWait: bool  # for an operator


def verdict(line: Pipeline) -> Verdict:
    """Return the sentence about the ledger's equation."""
    account = line["ledger"]
    if account["unaccounted"]:
        text = f"{account['unaccounted']:,} events that were read have no outcome, or two. Run manage.py reconcile."
        return {"tone": "bad", "text": text}
    if account["inFlightRange"] is None:
        outcome = "Every event that was read has exactly one outcome."
        return {"tone": "warn", "text": f"{outcome} Kafka does not answer, so the number in flight is unknown."}
    held = _held(line["lag"] or (), line["held"])
    if held:
        return _so_far(_waiting(_sum(each["events"] for each in held), _bounds(held)), f"held {_named(held)}")
    if account["inFlight"] is None:
        return _so_far(_waiting(None, account["inFlightRange"]), "Kafka")
    if any(incident["kind"] == "gap" for incident in line["incidents"]):
        return {"tone": "warn", "text": "Every event is accounted for, except those in records that were never read."}
    return {"tone": "good", "text": "Every event is accounted for."}


def told(line: Pipeline) -> Told:
    """Return the numbers of the ledger that may be ranges."""
    account, letters = line["ledger"], line["deadLetters"]
    bounds = account["inFlightRange"]
    settled = account["stored"] + account["duplicate"] + account["deadLettered"] + account["dropped"]
    read = settled + account["unaccounted"]
    return {
        "accepted": UNKNOWN if bounds is None else number(account["accepted"], _moved(bounds, read)),
        "inFlight": UNKNOWN if bounds is None else number(account["inFlight"], bounds),
        "lag": _lag(line["lag"]),
        "openDeadLetters": number(letters["open"]["atMost"], letters["open"]),
        "parkedDeadLetters": number(letters["parked"]["atMost"], letters["parked"])
        if letters["parked"]["atLeast"]
        else "",
        "lettersWait": bool(letters["open"]["atLeast"] or letters["parked"]["atLeast"]),
    }


def _lag(lag: list[LagShape] | None) -> str:
    return UNKNOWN if lag is None else number(_sum(each["events"] for each in lag), _bounds(lag))


def number(counted: int | None, bounds: CountRange) -> str:
    """Return a number as text: as it was counted, or its bounds."""
    if counted is not None:
        return f"{counted:,}"
    low, high = bounds["atLeast"], bounds["atMost"]
    if high is None:
        return f"at least {low:,}"
    return f"about {low:,}" if low == high else f"{low:,} to {high:,}"


def _moved(bounds: CountRange, by: int) -> CountRange:
    high = bounds["atMost"]
    return {"atLeast": bounds["atLeast"] + by, "atMost": None if high is None else high + by}


def _so_far(waiting: str, where: str) -> Verdict:
    return {"tone": "warn", "text": f"Every event is accounted for so far; {waiting} in {where}."}


def _waiting(counted: int | None, bounds: CountRange) -> str:
    return f"{number(counted, bounds)} {'waits' if counted == 1 else 'wait'}"


def _sum(counted: Iterable[int | None]) -> int | None:
    total = 0
    for each in counted:
        if each is None:
            return None
        total += each
    return total


def _bounds(lags: list[LagShape]) -> CountRange:
    ranges = [each["eventsRange"] for each in lags]
    return {"atLeast": sum(each["atLeast"] for each in ranges), "atMost": _sum(each["atMost"] for each in ranges)}


def _held(lag: Iterable[LagShape], held: Iterable[HeldShape]) -> list[LagShape]:
    """Return the held partitions in which something waits."""
    places = {(each["topic"], each["partition"]) for each in held}
    return [each for each in lag if each["records"] and (each["topic"], each["partition"]) in places]


def _named(partitions: list[LagShape]) -> str:
    *most, last = [str(each["partition"]) for each in partitions]
    return f"partitions {', '.join(most)} and {last}" if most else f"partition {last}"
