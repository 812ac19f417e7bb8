"""The parameters of every address: their types, limits, defaults, choices and examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ingestion.events.model import SOURCE_ID_PATTERN
from ingestion.problems import Code
from processing.models import DeadLetter, Job
from queries.aggregates import chart
from queries.aggregates import query as aggregate_query
from queries.aggregates.buckets import INTERVALS
from queries.dead_letters import filters, jobs, listing
from queries.events import query as event_query
from queries.export import query as export_query
from queries.export.formats import FORMATS, NDJSON
from queries.openapi import Json
from queries.openapi.parameter_kinds import choice, moment, number, text, texts, words
from queries.pipeline import ledger_minutes
from queries.request import field_filters, id_pagination, pagination, selection
from queries.request.filter_line import parsing
from queries.request.query_params import FILTERS, MAX_TEXT
from queries.sources import latest
from queries.sources import query as source_query

SOURCE = "plant-7.1"
_SOURCE_ID = SOURCE_ID_PATTERN.pattern
_INT32 = 2**31 - 1


_FILTERS: Json = {
    "description": "Only events in which the field at this path of the payload is as said: `field.temperature[gt]=20`. Numbers "
    "compare as numbers, texts as texts; a text that looks like a number stands in quotes. `in` takes values with commas, "
    "`exists` true or false, `contains` a part of a text or an element of an array.",
    # An object whose members are parameters of their own.
    "style": "form",
    "explode": True,
    "schema": {
        "type": "object",
        "propertyNames": {"pattern": r"^field\.[^\[\]\\]+(\[(" + "|".join(field_filters.OPERATORS) + r")\])?$"},
        "additionalProperties": {"type": "string", "maxLength": MAX_TEXT},
        "maxProperties": field_filters.MAX_FILTERS,
    },
    "example": {"field.temperature[gt]": "20"},
}

_PATTERNS = texts(
    "Only these sources: ids, or the beginning of ids with a `*` at the end. Repeat it for several.",
    [SOURCE],
    most=selection.MAX_SOURCES,
    pattern=rf"^(\*|{_SOURCE_ID}\*?)$",
    maxLength=129,
)


def one_source(meaning: str) -> Json:
    """Return a parameter that is the id of a source."""
    return text(meaning, SOURCE, pattern=f"^{_SOURCE_ID}$", maxLength=128)


_ONE_SOURCE = one_source("Only this source.")

_ALL: dict[str, Json] = {
    "source_id": _PATTERNS,
    "tag": texts(
        "Only events with this tag. Repeat it for events with all of several.", ["night"], most=selection.MAX_TAGS
    ),
    "-tag": texts("Only events without this tag.", ["test"], most=selection.MAX_TAGS),
    "filter": text(
        "Only events that pass this filter: terms with spaces between them, all of which must hold. `source:plant-*`, `tag:night`, "
        "`temperature>30`, `status=ok,warm`, `note~part`, `has:humidity`, a word that is somewhere in the event; a minus before a "
        "term says that it must not hold.",
        'source:plant-* -tag:test temperature>20 "in hall 7"',
        maxLength=parsing.MAX_LINE,
    ),
    FILTERS: _FILTERS,
    "fields": texts(
        "Only these fields of the payloads: paths, with commas between them, or repeated.",
        ["temperature"],
        most=event_query.MAX_FIELDS,
    ),
    "count": choice(
        "Add the number of all events in the list: what the planner expects, or counted, if that takes less than 5 s.",
        ("estimated", "exact"),
        "exact",
    ),
    "start_time": moment("Start of the event time, inclusive.", "2025-04-11T00:00:00Z"),
    "end_time": moment("End of the event time, exclusive.", "2025-04-12T00:00:00Z"),
    "received_start": moment(
        "Start of the time of receipt, inclusive: the receiver's clock, by which the ledger counts.",
        "2025-04-11T00:00:00Z",
    ),
    "received_end": moment("End of the time of receipt, exclusive.", "2025-04-12T00:00:00Z"),
    "limit": number("Results on a page.", 2, least=1, most=pagination.MAX_LIMIT, usual=pagination.DEFAULT_LIMIT),
    "offset": number(
        "Results to skip. To read further, follow `next`.", 0, least=0, most=pagination.MAX_OFFSET, usual=0
    ),
    # Without an example: it is made by the list that it continues.
    "cursor": {
        "description": "A position in the list, as given in `next` and `previous`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": pagination.MAX_CURSOR},
    },
    "order": choice("By event time: the newest or the oldest first.", ("asc", "desc"), "desc", usual="desc"),
    "q": text(
        "Only sources with this in their ids. Case is ignored.",
        "plant",
        pattern="^[A-Za-z0-9._:-]{1,128}$",
        maxLength=128,
    ),
    "last_seen_after": moment("Only sources seen since then, inclusive.", "2025-04-11T00:00:00Z"),
    "last_seen_before": moment("Only sources last seen before then.", "2125-04-11T00:00:00Z"),
    "sort": choice("By what to order.", source_query.DEFAULT_ORDER, "source_id", usual="source_id"),
    "field": texts(
        "Only these numeric fields: dotted paths in the payload, with commas between them, or repeated.",
        ["temperature"],
        most=aggregate_query.MAX_FIELDS,
    ),
    "tz": text("The time zone of the buckets, by its name in the IANA database.", "Europe/Berlin", default="UTC"),
    "agg": words(
        "Statistics. Percentiles are read from events.",
        aggregate_query.STATISTICS,
        ["avg", "max"],
        usual=aggregate_query.USUAL,
    ),
    "fill": choice("What stands in buckets without events.", aggregate_query.FILLS, "null", usual="none"),
    "group": words(
        "What has a series of its own.", aggregate_query.GROUPS, ["source", "field"], usual=("source", "field")
    ),
    "from": text(
        "Start of the event time, inclusive: a time, `now-6h` or a number since the epoch. By default 6 h before `to`.",
        "2025-04-11T11:00:00Z",
    ),
    "to": text("End of the event time, exclusive, in the same forms.", "2025-04-11T13:00:00Z", default="now"),
    "max_points": number("Points of a series, at most.", 100, least=1, most=chart.MAX_POINTS, usual=chart.USUAL_POINTS),
    "shape": choice(
        "`rows`: one object for each point of time, with the averages alone.",
        ("columns", "rows"),
        "columns",
        usual="columns",
    ),
    "top": number(
        "Only so many series, with the largest values of `by` over the whole range.",
        5,
        least=1,
        most=aggregate_query.MAX_TOP,
    ),
    "by": choice(
        "The statistic that `top` goes by.",
        [each for each in aggregate_query.STATISTICS if each not in aggregate_query.PERCENTILES],
        "count",
        usual="count",
    ),
    "interval": choice("Length of a bucket.", INTERVALS, "1h", usual="1h"),
    "format": choice("The format. By default as Accept asks.", FORMATS, NDJSON.name, usual=NDJSON.name),
    "manifest": choice(
        f'With `1` and format={NDJSON.name}: end with the line `{{"manifest": …}}`, with the number of rows and bytes before '
        "it, their SHA-256, and the time and name of the snapshot.",
        ("0", "1"),
        "1",
        usual="0",
    ),
    "state": choice("Only letters in this state.", DeadLetter.State.values, "open"),
    "reason": choice("Only letters with this reason.", [str(code) for code in Code], "id_conflict"),
    "event_id": text("Only letters of this event.", "019625a1-0000-7000-8000-000000000001", format="uuid"),
    "fingerprint": text("Only letters with this fingerprint, which similar errors share.", "id_conflict:"),
    "stage": text("Only letters that failed at this stage.", "identity"),
    "topic": text("Only letters from this Kafka topic.", "raw-data"),
    "partition": number("Only letters from this Kafka partition.", 0, least=0, most=_INT32),
    "text": text(
        "Only letters with this text in their detail, reason or its description. Case is ignored.", "different content"
    ),
    "kind": text("Only jobs of this kind.", "redrive"),
}

_IN_PATH: dict[str, Json] = {
    "event_id": {
        "description": "The id of the event.",
        "schema": {
            "type": "string",
            "format": "uuid",
            "pattern": "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$",
        },
        "example": "019625a1-0000-7000-8000-000000000001",
    },
    "source_id": {
        "description": "The id of the source.",
        "schema": {"type": "string", "pattern": f"^{_SOURCE_ID}$"},
        "example": SOURCE,
    },
    "number": {
        "description": "Its number.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
        "example": 1,
    },
    "prefix": {
        "description": "The first eight characters of the key, behind `dfe_`.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{8}$"},
        "example": "0123abcd",
    },
    "part": {
        "description": "The name of the schema or lookup table.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
        "example": "stations",
    },
    "topic": {
        "description": "The Kafka topic.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,249}$"},
        "example": "raw-data",
    },
    "partition": {
        "description": "The number of the partition.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 10**9 - 1},
        "example": 0,
    },
}


def in_path(name: str) -> Json:
    """Return the parameter of this name in a path."""
    return {"name": name, "in": "path", "required": True, **_IN_PATH[name]}


def format_of(*formats: str) -> Json:
    """Return the parameter that chooses one of these formats."""
    return in_query("format", choice("The format of the answer. By default as Accept asks.", formats, formats[0]))


def in_query(name: str, about: Mapping[str, object]) -> Json:
    """Return a parameter of the query."""
    return {"name": name, "in": "query", **about}


def _these(names: Iterable[str], own: Mapping[str, Json] | None = None) -> tuple[Json, ...]:
    """Return the parameters of an address.

    :param own: those that differ from what they are elsewhere
    """
    known = {**_ALL, **(own or {})}
    return tuple(in_query("filters" if name == FILTERS else name, known[name]) for name in names)


_OF_LETTERS = {
    "source_id": text(
        "Only letters of this source; an empty value matches those whose source can't be read.",
        SOURCE,
        pattern=f"^({_SOURCE_ID})?$",
        minLength=0,
        maxLength=128,
    ),
    "start_time": moment("Start of the time at which letters were first seen, inclusive.", "2025-04-11T00:00:00Z"),
    "end_time": moment("End of the time at which letters were first seen, exclusive.", "2125-04-12T00:00:00Z"),
    "pointer": text(
        "Only letters whose reason is about this place in what was sent, as a JSON Pointer; empty: about none. With `reason` and "
        "`stage` it chooses one cause, of all sources.",
        "/timestamp",
        minLength=0,
        maxLength=MAX_TEXT,
    ),
    "job": number("Only letters that this job redrove, discarded or reopened.", 1, least=1, most=filters.MAX_JOB),
}

EVENTS = _these(event_query.PARAMETERS)
AGGREGATE = _these(aggregate_query.PARAMETERS)
CHART = _these(
    chart.PARAMETERS, {"interval": choice("This interval, instead of the shortest that fits.", INTERVALS, "1m")}
)
EXPORT = _these(
    export_query.PARAMETERS,
    {"order": choice("By event time: the oldest or the newest first.", ("asc", "desc"), "asc", usual="asc")},
)
ONE_EVENT = _these(("source_id",), {"source_id": _ONE_SOURCE})
SOURCES = _these(
    source_query.PARAMETERS,
    {
        "order": choice(
            "Turns the order round. By default from A on, the latest and the largest first.", ("asc", "desc"), "asc"
        )
    },
)
LATEST = _these(latest.PARAMETERS)
LETTER_FILTERS = _these(filters.PARAMETERS, _OF_LETTERS)
DEAD_LETTERS = _these(listing.PARAMETERS, _OF_LETTERS)
REVISIONS = _these(id_pagination.PARAMETERS)
DIFF = _these(("to",), {"to": number("The other revision. By default the current one.", 2, least=0, most=_INT32)})
VERSION = _these(("version",), {"version": number("The version.", 1, least=1, most=_INT32)})
CONFIGURATION = _these(
    ("dry_run", "prune"),
    {
        "dry_run": choice("Say what would change, and change nothing.", ("true", "false"), "true", usual="false"),
        "prune": choice(
            "Remove what the configuration does not name, sources too.", ("true", "false"), "false", usual="false"
        ),
    },
)
UPLOAD = _these(
    ("name", "key_column"),
    {
        "name": text("Of a CSV file: the name of the table.", "stations"),
        "key_column": text("Of a CSV file: the column that `lookup` searches.", "id"),
    },
)
JOBS = _these(jobs.PARAMETERS, {"state": choice("Only jobs in this state.", Job.State.values, "done")})
LEDGER = _these(
    ledger_minutes.PARAMETERS,
    {
        "source_id": _ONE_SOURCE,
        "start_time": moment("Start of the time of receipt, inclusive.", "2025-04-11T00:00:00Z"),
        "end_time": moment("End of the time of receipt, exclusive.", "2125-04-12T00:00:00Z"),
    },
)
