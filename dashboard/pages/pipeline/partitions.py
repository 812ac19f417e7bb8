"""The partitions of raw-data as rows: what waits, who reads them since when, which are held."""

from __future__ import annotations

from typing import TypedDict

from queries.schemas import ConsumerShape, HeldShape, LagShape, Pipeline


class PartitionRow(TypedDict):
    """One partition; None: unknown."""

    topic: str
    partition: int
    records: int
    events: str  # as text, since it may be a range
    seconds: float | None  # age of the last record with effects
    owner: str | None  # None: nobody reads it
    ownerState: str
    ownerSince: str | None
    held: HeldShape | None
    tone: str
    state: str


def rows(line: Pipeline) -> list[PartitionRow] | None:
    """Return the partitions; None: Kafka has not told its offsets."""
    if line["lag"] is None:
        return None
    owners = {number: one for one in line["consumers"] or () for number in one["partitions"]}
    held = {(each["topic"], each["partition"]): each for each in line["held"]}
    return [
        _row(each, owners.get(each["partition"]), held.get((each["topic"], each["partition"]))) for each in line["lag"]
    ]


def _row(lag: LagShape, owner: ConsumerShape | None, held: HeldShape | None) -> PartitionRow:
    tone, state = _state(lag, owner, held)
    return {
        "topic": lag["topic"],
        "partition": lag["partition"],
        "records": lag["records"],
        "events": _events(lag),
        "seconds": lag["seconds"],
        "owner": None if owner is None else owner["member"],
        "ownerState": "" if owner is None else owner["state"],
        "ownerSince": None if owner is None else owner["since"],
        "held": held,
        "tone": tone,
        "state": state,
    }


def _state(lag: LagShape, owner: ConsumerShape | None, held: HeldShape | None) -> tuple[str, str]:
    if held is not None:
        return "bad", "Held"
    if owner is None:
        return ("bad" if lag["records"] else "warn"), "Nobody reads it"
    if owner["state"] != "running":
        return "warn", "Waits for a store"
    return "good", "Read"


def _events(lag: LagShape) -> str:
    if lag["events"] is not None:
        return f"{lag['events']:,}"
    low, high = lag["eventsRange"]["atLeast"], lag["eventsRange"]["atMost"]
    return f"at least {low:,}" if high is None else f"{low:,} to {high:,}"


def rebalanced_at(line: Pipeline) -> str | None:
    """Return when partitions were last given to a consumer; None: no consumer runs, or it is not known."""
    return max((one["since"] for one in line["consumers"] or ()), default=None)
