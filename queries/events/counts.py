"""How many events a list has: by the planner's estimate, or counted."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.events import conditions
from queries.events.query import EventQuery
from queries.reads import condition
from queries.reads.condition import Condition
from queries.schemas import EventCount


def read(query: EventQuery, within: ReadScope, served: Condition) -> EventCount | None:
    """Return the number of events in a list, all its pages together, as it is asked for; None: it is not.

    Without `exact`, it is what the planner expects, which costs nothing and may be wrong by any factor.
    """
    if query.count is None:
        return None
    if query.count == "exact":
        value = _one("SELECT count(*)", query, within, served)
    else:
        [found] = _one("EXPLAIN (FORMAT JSON) SELECT", query, within, served)
        value = found["Plan"]["Plan Rows"]
    return {"value": int(value), "kind": query.count}


def _one(select: str, query: EventQuery, within: ReadScope, served: Condition) -> Any:
    own = condition.all_of(condition.of_scope(within), conditions.of(query.selection), served)
    with connection.cursor() as cursor:
        cursor.execute(f"{select} FROM events WHERE {own.text}", own.values)
        [value] = cursor.fetchone() or [None]
    return json.loads(value) if isinstance(value, str) else value
