"""How views describe themselves in the OpenAPI schema: their answers by queries.shapes itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from django.db.models import Choices
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from ingestion.problems import CONTENT_TYPE, Problem
from processing.letters import export as letter_export
from processing.letters.export import ExportedLetter
from processing.letters.shapes import DeadLetterDetail, DeadLetterShape, DiscardRehearsal, JobShape, RedriveRehearsal
from queries import aggregates, dead_letters, event_query, minutes, paging, sources
from queries.letter_bodies import DiscardMany, DiscardOne, RedriveMany, RedriveOne
from queries.shapes import (
    Aggregate,
    EventDetail,
    EventShape,
    LedgerMinutes,
    Page,
    Pipeline,
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
    Problem,
]


def _custom(kind: type) -> dict[str, Any]:
    """Describe what msgspec does not: Django's choices, and `object`, which stands for any JSON value."""
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
        "Only of this source; for dead letters, empty means those whose source can't be read.",
        None,
    ),
    "start_time": (OpenApiTypes.DATETIME, "From this event time on, inclusive.", None),
    "end_time": (OpenApiTypes.DATETIME, "Up to this event time, exclusive.", None),
    "limit": (OpenApiTypes.INT, f"Results on a page: {paging.DEFAULT_LIMIT}, at most {paging.MAX_LIMIT}.", None),
    "offset": (OpenApiTypes.INT, f"Results to skip, at most {paging.MAX_OFFSET}; then follow `next`.", None),
    "cursor": (OpenApiTypes.STR, "A place in the list, as given in `next` and `previous`.", None),
    "order": (OpenApiTypes.STR, "By event time; newest first unless told.", ("asc", "desc")),
    "field": (OpenApiTypes.STR, "Only this numeric field: its dotted path in the payload.", None),
    "interval": (OpenApiTypes.STR, "Length of a bucket; 1h unless told.", tuple(aggregates.INTERVALS)),
    "state": (OpenApiTypes.STR, "Only those in this state.", None),
    "reason": (OpenApiTypes.STR, "Only those with this reason code.", None),
    "event_id": (OpenApiTypes.UUID, "Only those of this event.", None),
    "fingerprint": (OpenApiTypes.STR, "Only those that are alike: with this fingerprint.", None),
    "stage": (OpenApiTypes.STR, "Only those that failed at this stage.", None),
    "topic": (OpenApiTypes.STR, "Only those of this Kafka topic.", None),
    "partition": (OpenApiTypes.INT, "Only those of this Kafka partition.", None),
    "text": (
        OpenApiTypes.STR,
        "Only those with this text in their detail, their reason or its words, whatever its case.",
        None,
    ),
    "kind": (OpenApiTypes.STR, "Only those of this kind.", None),
}

# The parameters that each address knows.
EVENTS = event_query.PARAMETERS
AGGREGATE = aggregates.PARAMETERS
SOURCES = sources.PARAMETERS
DEAD_LETTERS = dead_letters.PARAMETERS
LEDGER = minutes.PARAMETERS


def describe(
    shape: object,
    *,
    name: str,
    parameters: Sequence[str] = (),
    errors: Sequence[int] = (),
    body: type[msgspec.Struct] | None = None,
    accepted: object = None,
) -> Callable[[Handler], Handler]:
    """Describe a view's handler: what it answers with, and the parameters it knows.

    :param shape: of the answer 200
    :param accepted: shape of the answer 202
    """
    media = letter_export.CONTENT_TYPE if shape is ExportedLetter else JSON
    answers = {200: (media, shape), 202: (JSON, accepted)}
    responses = {
        (status, kind): _REFERENCE_OF[str(answer)] for status, (kind, answer) in answers.items() if answer is not None
    }
    responses |= {(status, CONTENT_TYPE): _REFERENCE_OF[str(Problem)] for status in (400, *errors, 503)}
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
    """Put the shapes into a generated schema (setting POSTPROCESSING_HOOKS)."""
    result["components"] = {"schemas": _COMPONENTS}
    return result
