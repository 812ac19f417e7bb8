"""The way of an event as steps, each with its rate, its state and how late it is."""

from __future__ import annotations

from typing import Literal, NamedTuple

from dashboard.panels.snapshot_types import Doors, Overview
from dashboard.templatetags import figures
from dashboard.templatetags.frame import duration
from queries.pipeline.freshness import Freshness
from queries.pipeline.rate_history import RateHistory
from queries.schemas import StoreState

State = Literal["up", "waiting", "down", "unknown"]
LATE_SECONDS = 10.0  # of lag, above which a step is late
RECEIVERS, PARTITIONS, STORES = "/pipeline/#receivers", "/pipeline/#partitions", "/pipeline/#stores"
ACCEPTED = "accepted / s"
DOWN: dict[State, str] = {"down": "does not answer", "unknown": "unknown"}


class Step(NamedTuple):
    """One step: what goes through it, and what holds it up."""

    name: str
    address: str  # of what is told about it
    state: State
    figure: str
    unit: str
    notes: list[str]
    word: str = ""  # the state; empty: it is well


def steps(sample: Overview, rate: RateHistory | None, fresh: Freshness | None, *, whole: bool) -> list[Step]:
    """Return the steps from the receivers to the stores.

    :param whole: the reader may see what all sources share
    """
    stores = sample["stores"]
    kept = [
        _store("PostgreSQL", stores and stores["postgresql"], _last(rate, "stored"), _stored_within(fresh)),
        _store("MongoDB", stores and stores["mongodb"], _last(rate, "stored"), []),
    ]
    return [_receivers(sample), _kafka(sample), _consumers(sample, rate), *kept] if whole else kept


def _receivers(sample: Overview) -> Step:
    doors = sample["doors"]
    if doors is None:
        return Step("Receivers", RECEIVERS, "unknown", figures.UNKNOWN, ACCEPTED, [], "unknown")
    if not doors["processes"]:
        return Step("Receivers", RECEIVERS, "waiting", figures.UNKNOWN, ACCEPTED, [], "none runs")
    closed = [each for each in doors["processes"] if each["guard"]["state"] == "closed"]
    notes = [f"{len(doors['processes'])} process{'' if len(doors['processes']) == 1 else 'es'}", _refused(doors)]
    if closed:
        notes.append(f"{len(closed)} closed: {closed[0]['guard']['reason']}")
    state: State = "waiting" if closed else "up"
    rate, word = figures.rate(doors["acceptedPerSecond"]), "closed" if closed else ""
    return Step("Receivers", RECEIVERS, state, rate, ACCEPTED, notes, word)


def _refused(doors: Doors) -> str:
    """Return how many events were rejected, and for what most of them."""
    most = next(iter(doors["reasons"]), None)
    return f"{doors['refused']:,} rejected" + (f", most: {most['meaning']}" if most else "")


def _kafka(sample: Overview) -> Step:
    lag, told, stores = sample["lag"], sample["told"], sample["stores"]
    state = _state_of(stores and stores["kafka"])
    notes = []
    if lag is not None and lag["records"]:
        notes.append("age unknown" if lag["seconds"] is None else f"{duration(lag['seconds'])} behind")
        if state == "up" and (lag["seconds"] or 0) > LATE_SECONDS:
            state = "waiting"
    elif lag is not None:
        notes.append("up to date")
    waiting = told["lag"] if told else figures.UNKNOWN
    return Step(
        "Kafka", PARTITIONS, state, waiting, "events wait", notes, DOWN.get(state, "late" if state == "waiting" else "")
    )


def _consumers(sample: Overview, rate: RateHistory | None) -> Step:
    running = sample["consumers"]
    if running is None:
        return Step("Consumers", PARTITIONS, "unknown", _last(rate, "read"), "read / s", [], "unknown")
    if not running:
        return Step("Consumers", PARTITIONS, "waiting", _last(rate, "read"), "read / s", [], "none runs")
    partitions = sum(len(each["partitions"]) for each in running)
    waiting = [each["member"] for each in running if each["state"] != "running"]
    notes = [f"{len(running)} running", f"{partitions} partition{'' if partitions == 1 else 's'}"]
    state: State = "waiting" if waiting else "up"
    return Step("Consumers", PARTITIONS, state, _last(rate, "read"), "read / s", notes, "waiting" if waiting else "")


def _store(name: str, store: StoreState | None, figure: str, notes: list[str]) -> Step:
    state = _state_of(store)
    told = [f"{store['latencyMs']:.1f} ms"] if store and store["latencyMs"] is not None else []
    return Step(name, STORES, state, figure, "stored / s", [*told, *notes], DOWN.get(state, ""))


def _state_of(store: StoreState | None) -> State:
    if store is None:
        return "unknown"
    return "up" if store["state"] == "up" else "down"


def _stored_within(fresh: Freshness | None) -> list[str]:
    if fresh is None or fresh["p50"] is None or fresh["p99"] is None:
        return []
    return [f"stored within {_short(fresh['p50'])} (half), {_short(fresh['p99'])} (99 %)"]


def _short(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _last(rate: RateHistory | None, name: Literal["read", "stored"]) -> str:
    """Return the newest rate of the chart."""
    return figures.rate(rate[name][-1]) if rate and rate[name] else figures.UNKNOWN
