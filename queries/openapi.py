"""Describes the views in the OpenAPI schema, with the types that they return and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from django.db.models import Choices
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from ingestion.problems import CONTENT_TYPE, Problem
from processing.dead_letters import export
from processing.dead_letters.export import ExportedLetter
from processing.dead_letters.schemas import (
    DeadLetterDetail,
    DeadLetterShape,
    DiscardRehearsal,
    JobShape,
    RedriveRehearsal,
)
from queries.aggregates import chart
from queries.aggregates import query as aggregate_query
from queries.aggregates.buckets import INTERVALS
from queries.dead_letters import listing
from queries.dead_letters.bodies import DiscardMany, DiscardOne, RedriveMany, RedriveOne
from queries.events import query
from queries.export import query as export_query
from queries.export.formats import CSV, FORMATS, NDJSON, PARQUET
from queries.key_bodies import KeyExpiry, NewKey
from queries.pipeline import ledger_minutes
from queries.pipeline.partitions import ResumePartition
from queries.request import field_filters, pagination
from queries.request.query_params import FILTERS
from queries.schemas import (
    Aggregate,
    Chart,
    EventDetail,
    EventList,
    EventShape,
    Keys,
    KeyShape,
    KeyWithToken,
    LatestList,
    LatestShape,
    LedgerMinutes,
    ListedSource,
    Page,
    Pipeline,
    ResumedPartition,
    SourceDetail,
    Trace,
)
from queries.sources import query as source_query

JSON = "application/json"
Handler = TypeVar("Handler", bound=Callable[..., object])

_SHAPES: list[object] = [
    EventList,
    EventShape,
    EventDetail,
    Aggregate,
    Chart,
    Page[ListedSource],
    SourceDetail,
    LatestShape,
    LatestList,
    Page[DeadLetterShape],
    DeadLetterDetail,
    ExportedLetter,
    RedriveOne,
    RedriveMany,
    RedriveRehearsal,
    DiscardOne,
    DiscardMany,
    DiscardRehearsal,
    Page[JobShape],
    JobShape,
    Pipeline,
    LedgerMinutes,
    Trace,
    Keys,
    KeyShape,
    KeyWithToken,
    NewKey,
    KeyExpiry,
    ResumePartition,
    ResumedPartition,
    Problem,
]


def _custom(kind: type) -> dict[str, Any]:
    """Return the schema of types unknown to msgspec: Django's choices, and `object` for any JSON value."""
    if issubclass(kind, Choices):
        return {"enum": list(kind.values)}
    if kind is not object:
        raise NotImplementedError
    return {"description": "Any JSON value."}


_REFERENCES, _COMPONENTS = msgspec.json.schema_components(
    _SHAPES, ref_template="#/components/schemas/{name}", schema_hook=_custom
)
_REFERENCE_OF = dict(zip(map(str, _SHAPES), _REFERENCES, strict=True))


class Described(NamedTuple):
    """What the schema says of a query parameter."""

    kind: OpenApiTypes | dict[str, Any]
    meaning: str
    choices: Sequence[str] | None = None
    style: str | None = None


# An object whose members are parameters of their own.
_FILTERS = {
    "type": "object",
    "propertyNames": {"pattern": r"^field\.[^\[\]]+(\[(" + "|".join(field_filters.OPERATORS) + r")\])?$"},
    "additionalProperties": {"type": "string"},
    "maxProperties": field_filters.MAX_FILTERS,
    "example": {"field.temperature[gt]": "20"},
}

_PARAMETERS: dict[str, Described] = {
    "source_id": Described(
        OpenApiTypes.STR,
        "Only this source. For dead letters, an empty value matches those whose source can't be read.",
    ),
    "tag": Described(OpenApiTypes.STR, "Only events with this tag. Repeat it for events with all of several."),
    "-tag": Described(OpenApiTypes.STR, "Only events without this tag."),
    FILTERS: Described(
        _FILTERS,
        "Only events in which the field at this path of the payload is as said: `field.temperature[gt]=20`. Numbers compare "
        "as numbers, texts as texts; a text that looks like a number stands in quotes. `in` takes values with commas, "
        "`exists` true or false, `contains` a part of a text or an element of an array.",
        style="form",
    ),
    "fields": Described(
        OpenApiTypes.STR, "Only these fields of the payloads: paths, with commas between them, or repeated."
    ),
    "count": Described(
        OpenApiTypes.STR,
        "Add the number of all events in the list: what the planner expects, or counted, if that takes less than 5 s.",
        ("estimated", "exact"),
    ),
    "start_time": Described(OpenApiTypes.DATETIME, "Start of the event time, inclusive."),
    "end_time": Described(OpenApiTypes.DATETIME, "End of the event time, exclusive."),
    "limit": Described(
        OpenApiTypes.INT,
        f"Results on a page. Default {pagination.DEFAULT_LIMIT}, maximum {pagination.MAX_LIMIT}.",
    ),
    "offset": Described(
        OpenApiTypes.INT,
        f"Results to skip, at most {pagination.MAX_OFFSET}. Follow `next` to read further.",
    ),
    "cursor": Described(OpenApiTypes.STR, "A position in the list, as given in `next` and `previous`."),
    "order": Described(
        OpenApiTypes.STR,
        "Ascending or descending. Default: the newest and largest first, and source ids from A on.",
        ("asc", "desc"),
    ),
    "q": Described(OpenApiTypes.STR, "Only sources with this in their ids. Case is ignored."),
    "last_seen_after": Described(OpenApiTypes.DATETIME, "Only sources seen since then, inclusive."),
    "last_seen_before": Described(OpenApiTypes.DATETIME, "Only sources last seen before then."),
    "sort": Described(OpenApiTypes.STR, "By what to order. Default: source_id.", tuple(source_query.DEFAULT_ORDER)),
    "field": Described(
        OpenApiTypes.STR,
        "Only these numeric fields: dotted paths in the payload, with commas between them, or repeated.",
    ),
    "tz": Described(OpenApiTypes.STR, "The time zone of the buckets, by its name in the IANA database. Default: UTC."),
    "agg": Described(
        OpenApiTypes.STR,
        "Statistics, with commas between them. Percentiles are read from events. Default: count,sum,avg,min,max.",
        aggregate_query.STATISTICS,
    ),
    "fill": Described(
        OpenApiTypes.STR, "What stands in buckets without events. Default: they are left out.", aggregate_query.FILLS
    ),
    "group": Described(
        OpenApiTypes.STR,
        "What has a series of its own, with commas between them. Default: source,field.",
        aggregate_query.GROUPS,
    ),
    "from": Described(
        OpenApiTypes.STR,
        "Start of the event time, inclusive: a time, `now-6h` or a number since the epoch. Default: 6 h.",
    ),
    "to": Described(OpenApiTypes.STR, "End of the event time, exclusive, in the same forms. Default: now."),
    "max_points": Described(
        OpenApiTypes.INT, f"Points of a series, at most. Default {chart.USUAL_POINTS}, maximum {chart.MAX_POINTS}."
    ),
    "shape": Described(
        OpenApiTypes.STR, "`rows`: one object for each point of time, with the averages alone.", ("columns", "rows")
    ),
    "top": Described(OpenApiTypes.INT, "Only so many series, with the largest values of `by` over the whole range."),
    "by": Described(OpenApiTypes.STR, "The statistic that `top` goes by. Default: count.", aggregate_query.STATISTICS),
    "interval": Described(OpenApiTypes.STR, "Length of a bucket. Default: 1h.", INTERVALS),
    "format": Described(
        OpenApiTypes.STR, f"The format. Default: what Accept prefers, or {NDJSON.name}.", tuple(FORMATS)
    ),
    "manifest": Described(
        OpenApiTypes.STR,
        f'With `1` and format={NDJSON.name}: end with the line `{{"manifest": …}}`, with the number of rows and bytes before '
        "it, their SHA-256, and the time and name of the snapshot.",
        ("0", "1"),
    ),
    "state": Described(OpenApiTypes.STR, "Only results in this state."),
    "reason": Described(OpenApiTypes.STR, "Only results with this reason code."),
    "event_id": Described(OpenApiTypes.UUID, "Only results of this event."),
    "fingerprint": Described(OpenApiTypes.STR, "Only results with this fingerprint, which similar errors share."),
    "stage": Described(OpenApiTypes.STR, "Only results that failed at this stage."),
    "topic": Described(OpenApiTypes.STR, "Only results from this Kafka topic."),
    "partition": Described(OpenApiTypes.INT, "Only results from this Kafka partition."),
    "text": Described(
        OpenApiTypes.STR,
        "Only results with this text in their detail, reason code or its description. Case is ignored.",
    ),
    "kind": Described(OpenApiTypes.STR, "Only results of this kind."),
}

# The query parameters of each address.
EVENTS = query.PARAMETERS
AGGREGATE = aggregate_query.PARAMETERS
SOURCES = source_query.PARAMETERS
EXPORT = export_query.PARAMETERS
DEAD_LETTERS = listing.PARAMETERS
LEDGER = ledger_minutes.PARAMETERS


def describe(
    answer: object,
    *,
    name: str,
    parameters: Sequence[str] = (),
    repeated: Sequence[str] = (),
    errors: Sequence[int] = (),
    body: type[msgspec.Struct] | None = None,
) -> Callable[[Handler], Handler]:
    """Describe a view or one of its methods: its parameters, its body and its answers.

    :param repeated: the parameters that may be given more than once
    :param answer: the type of the answer 200, or a dict of the types by status
    """
    media = export.CONTENT_TYPE if answer is ExportedLetter else JSON
    answers = answer if isinstance(answer, dict) else {200: answer}
    responses = {(status, media): _REFERENCE_OF[str(shape)] for status, shape in answers.items()}
    return _described(responses, name=name, parameters=parameters, repeated=repeated, errors=errors, body=body)


def describe_export(*, name: str, parameters: Sequence[str], repeated: Sequence[str]) -> Callable[[Handler], Handler]:
    """Describe the export of events, in each of its formats."""
    responses: dict[tuple[int, str], dict[str, Any]] = {
        (200, NDJSON.content_type): _REFERENCE_OF[str(EventShape)],
        (200, CSV.content_type): {"type": "string", "description": "A line of names, then a line for each event."},
        (200, PARQUET.content_type): {"type": "string", "format": "binary"},
    }
    return _described(responses, name=name, parameters=parameters, repeated=repeated, errors=(406,))


def _described(
    responses: dict[tuple[int, str], dict[str, Any]],
    *,
    name: str,
    parameters: Sequence[str],
    repeated: Sequence[str],
    errors: Sequence[int],
    body: type[msgspec.Struct] | None = None,
) -> Callable[[Handler], Handler]:
    problems = {(error, CONTENT_TYPE): _REFERENCE_OF[str(Problem)] for error in (400, *errors, 503)}
    decorator: Callable[[Handler], Handler] = extend_schema(
        operation_id=name,
        parameters=[_parameter(each, many=each in repeated) for each in parameters],
        request=None if body is None else {JSON: _REFERENCE_OF[str(body)]},
        responses={**responses, **problems},
    )
    return decorator


def _parameter(name: str, *, many: bool) -> OpenApiParameter:
    kind, meaning, choices, style = _PARAMETERS[name]
    if style is None:
        return OpenApiParameter(name, kind, description=meaning, enum=choices, many=many)
    return OpenApiParameter("filters", kind, description=meaning, style=style, explode=True)


def add_shapes(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add the types to a generated schema (setting POSTPROCESSING_HOOKS)."""
    result["components"] = {"schemas": _COMPONENTS}
    return result
