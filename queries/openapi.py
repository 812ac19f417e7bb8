"""Describes the views in the OpenAPI schema, with the types that they return and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

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
from queries import sources
from queries.dead_letters import listing
from queries.dead_letters.bodies import DiscardMany, DiscardOne, RedriveMany, RedriveOne
from queries.events import aggregates, query
from queries.key_bodies import KeyExpiry, NewKey
from queries.pipeline import ledger_minutes
from queries.pipeline.partitions import ResumePartition
from queries.request import pagination
from queries.schemas import (
    Aggregate,
    EventDetail,
    EventShape,
    Keys,
    KeyShape,
    KeyWithToken,
    LedgerMinutes,
    Page,
    Pipeline,
    ResumedPartition,
    SourceShape,
    Trace,
)

JSON = "application/json"
Handler = TypeVar("Handler", bound=Callable[..., object])

_SHAPES: list[object] = [
    Page[EventShape],
    EventDetail,
    Aggregate,
    Page[SourceShape],
    SourceShape,
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

_PARAMETERS: dict[str, tuple[OpenApiTypes, str, Sequence[str] | None]] = {
    "source_id": (
        OpenApiTypes.STR,
        "Only this source. For dead letters, an empty value matches those whose source can't be read.",
        None,
    ),
    "start_time": (OpenApiTypes.DATETIME, "Start of the event time, inclusive.", None),
    "end_time": (OpenApiTypes.DATETIME, "End of the event time, exclusive.", None),
    "limit": (
        OpenApiTypes.INT,
        f"Results on a page. Default {pagination.DEFAULT_LIMIT}, maximum {pagination.MAX_LIMIT}.",
        None,
    ),
    "offset": (
        OpenApiTypes.INT,
        f"Results to skip, at most {pagination.MAX_OFFSET}. Follow `next` to read further.",
        None,
    ),
    "cursor": (OpenApiTypes.STR, "A position in the list, as given in `next` and `previous`.", None),
    "order": (OpenApiTypes.STR, "Order by event time. Default: newest first.", ("asc", "desc")),
    "field": (OpenApiTypes.STR, "Only this numeric field: its dotted path in the payload.", None),
    "interval": (OpenApiTypes.STR, "Length of a bucket. Default: 1h.", tuple(aggregates.INTERVALS)),
    "state": (OpenApiTypes.STR, "Only results in this state.", None),
    "reason": (OpenApiTypes.STR, "Only results with this reason code.", None),
    "event_id": (OpenApiTypes.UUID, "Only results of this event.", None),
    "fingerprint": (OpenApiTypes.STR, "Only results with this fingerprint, which similar errors share.", None),
    "stage": (OpenApiTypes.STR, "Only results that failed at this stage.", None),
    "topic": (OpenApiTypes.STR, "Only results from this Kafka topic.", None),
    "partition": (OpenApiTypes.INT, "Only results from this Kafka partition.", None),
    "text": (
        OpenApiTypes.STR,
        "Only results with this text in their detail, reason code or its description. Case is ignored.",
        None,
    ),
    "kind": (OpenApiTypes.STR, "Only results of this kind.", None),
}

# The query parameters of each address.
EVENTS = query.PARAMETERS
AGGREGATE = aggregates.PARAMETERS
SOURCES = sources.PARAMETERS
DEAD_LETTERS = listing.PARAMETERS
LEDGER = ledger_minutes.PARAMETERS


def describe(
    answer: object,
    *,
    name: str,
    parameters: Sequence[str] = (),
    errors: Sequence[int] = (),
    body: type[msgspec.Struct] | None = None,
) -> Callable[[Handler], Handler]:
    """Describe a view or one of its methods: its parameters, its body and its answers.

    :param answer: the type of the answer 200, or a dict of the types by status
    """
    media = export.CONTENT_TYPE if answer is ExportedLetter else JSON
    answers = answer if isinstance(answer, dict) else {200: answer}
    responses = {(status, media): _REFERENCE_OF[str(shape)] for status, shape in answers.items()}
    responses |= {(error, CONTENT_TYPE): _REFERENCE_OF[str(Problem)] for error in (400, *errors, 503)}
    decorator: Callable[[Handler], Handler] = extend_schema(
        operation_id=name,
        parameters=[_parameter(each) for each in parameters],
        request=None if body is None else {JSON: _REFERENCE_OF[str(body)]},
        responses=responses,
    )
    return decorator


def _parameter(name: str) -> OpenApiParameter:
    kind, meaning, choices = _PARAMETERS[name]
    return OpenApiParameter(name, kind, description=meaning, enum=choices)


def add_shapes(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add the types to a generated schema (setting POSTPROCESSING_HOOKS)."""
    result["components"] = {"schemas": _COMPONENTS}
    return result
