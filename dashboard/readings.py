"""What pages and the live feed show, as `queries` reads it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from dashboard import notices, rates
from dashboard.frames import SHOWN_VALUES, event_columns
from dashboard.sample import Doors, Lag, Overview, SourceRow
from ingestion.problems import MEANINGS, Code
from queries import doors, events, minutes, pipeline, sources, stores
from queries.event_query import EventQuery
from queries.paging import Address
from queries.postgres import StoreUnavailable
from queries.shapes import Doors as DoorCounters
from queries.shapes import EventShape, FieldShape, LagShape, SourceShape, Stores
from queries.times import parse_time

SOURCE_ROWS = 20
EVENT_ROWS = 20
REASON_ROWS = 5
MINUTE_ROWS = 6
# Pages show one piece of a list and link to none of its neighbours.
NOWHERE = Address("", {})


class Unknown(Exception):
    """The stores cannot be asked; show "cannot tell" and ask again."""


def milliseconds(text: str) -> int:
    return round(parse_time(text).timestamp() * 1000)


def total_lag(lag: list[LagShape] | None) -> Lag | None:
    if lag is None:
        return None
    seconds = [partition["seconds"] for partition in lag if partition["records"]]
    known = [age for age in seconds if age is not None]
    return {
        "records": sum(partition["records"] for partition in lag),
        "events": sum(partition["events"] for partition in lag),
        "seconds": (max(known) if known else None) if seconds else 0.0,
    }


def at_the_doors(counted: DoorCounters | None) -> Doors | None:
    if counted is None:
        return None
    frequent = sorted(counted["refused"].items(), key=lambda item: (-item[1], item[0]))[:REASON_ROWS]
    return {
        "acceptedPerSecond": counted["acceptedPerSecond"],
        "accepted": counted["accepted"],
        "refused": sum(counted["refused"].values()),
        "reasons": [{"code": code, "meaning": meaning(code), "count": count} for code, count in frequent],
        "processes": counted["processes"],
    }


def meaning(code: str) -> str:
    """What a reason code means, in words; a door of another release may know more codes than we do."""
    return MEANINGS[Code(code)][1] if code in MEANINGS else code


def source_row(source: SourceShape) -> SourceRow:
    return {
        "sourceId": source["sourceId"],
        "lastSeen": milliseconds(source["lastSeen"]),
        "events": source["events"],
        "values": latest_values(source["fields"]),
    }


def latest_values(fields: list[FieldShape]) -> dict[str, float]:
    ordered = sorted(fields, key=lambda field: field["name"])
    return {field["name"]: field["latest"] for field in ordered[:SHOWN_VALUES]}


def overview() -> Overview:
    """Sample the line; what cannot be told is None."""
    try:
        return _whole_overview()
    except pipeline.LedgerUnavailable as error:
        return unknown_overview(error.states)
    except StoreUnavailable:
        return unknown_overview(stores.states())


def _whole_overview() -> Overview:
    line, heard = pipeline.read(), sources.recent(count=SOURCE_ROWS)
    return {
        "at": milliseconds(line["at"]),
        "notices": notices.of_line(line),
        "ledger": line["ledger"],
        "verdict": notices.verdict(line["ledger"]),
        "minutes": minutes.recent(datetime.now(tz=UTC), count=MINUTE_ROWS),
        "inFlightEstimated": line["inFlightEstimated"],
        "rates": rates.UNKNOWN,
        "lag": total_lag(line["lag"]),
        "consumers": line["consumers"],
        "doors": at_the_doors(line["doors"]),
        "stores": line["stores"],
        "sources": [source_row(source) for source in heard],
    }


def unknown_overview(states: Stores | None) -> Overview:
    """What can be said when the ledger cannot be read: how servers and doors are, and no more."""
    asked = states is not None and states["redis"]["state"] == "up"
    return {
        "at": time.time_ns() // 1_000_000,
        "notices": [] if states is None else notices.of_stores(states),
        "ledger": None,
        "verdict": None,
        "minutes": None,
        "inFlightEstimated": False,
        "rates": rates.UNKNOWN,
        "lag": None,
        "consumers": None,
        "doors": at_the_doors(doors.read()) if asked else None,
        "stores": states,
        "sources": None,
    }


def newest_events(source_id: str | None) -> list[EventShape]:
    """The newest events, oldest first, as frames bring them.

    :raises Unknown: PostgreSQL does not answer
    """
    try:
        if source_id is None:
            return events.newest(count=EVENT_ROWS)[::-1]
        query = EventQuery(source_id=source_id, limit=EVENT_ROWS)
        return events.page(query, address=NOWHERE)["results"][::-1]
    except StoreUnavailable as error:
        raise Unknown from error


def tail(source_id: str | None) -> dict[str, object]:
    """The start of a tail.

    :raises Unknown: PostgreSQL does not answer
    """
    found = newest_events(source_id)
    return {"seen": None, "shown": len(found), "columns": event_columns(found)}
