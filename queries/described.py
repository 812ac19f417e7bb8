"""How views describe themselves in the OpenAPI schema: their answers by queries.shapes itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from ingestion.problems import CONTENT_TYPE, Problem
from queries import aggregates, dead_letters, event_query, minutes, paging, sources
from queries.shapes import (
    Aggregate,
    DeadLetterDetail,
    DeadLetterShape,
    EventDetail,
    EventShape,
    LedgerMinutes,
    Page,
    Pipeline,
    SourceShape,
)

Handler = TypeVar("Handler", bound=Callable[..., object])

_SHAPES: list[object] = [
    Page[EventShape],
    EventDetail,
    Aggregate,
    Page[SourceShape],
    SourceShape,
    Page[DeadLetterShape],
    DeadLetterDetail,
    Pipeline,
    LedgerMinutes,
    Problem,
]


def _any_value(kind: type) -> dict[str, Any]:
    """Describe `object`, which stands for any JSON value."""
    if kind is not object:
        raise NotImplementedError
    return {"description": "Any JSON value."}


_REFERENCES, _COMPONENTS = msgspec.json.schema_components(
    _SHAPES, ref_template="#/components/schemas/{name}", schema_hook=_any_value
)
_REFERENCE_OF = dict(zip(map(str, _SHAPES), _REFERENCES, strict=True))

_PARAMETERS: dict[str, tuple[OpenApiTypes, str, Sequence[str] | None]] = {
    "source_id": (OpenApiTypes.STR, "Only of this source.", None),
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
}

# The parameters that each address knows.
EVENTS = event_query.PARAMETERS
AGGREGATE = aggregates.PARAMETERS
SOURCES = sources.PARAMETERS
DEAD_LETTERS = dead_letters.PARAMETERS
LEDGER = minutes.PARAMETERS


def describe(
    shape: object, *, name: str, parameters: Sequence[str] = (), errors: Sequence[int] = ()
) -> Callable[[Handler], Handler]:
    """Describe a view's handler: what it answers with, and the parameters it knows."""
    reference: dict[str, Any] = _REFERENCE_OF[str(shape)]
    problem = _REFERENCE_OF[str(Problem)]
    responses = {(200, "application/json"): reference}
    responses |= {(status, CONTENT_TYPE): problem for status in (400, *errors, 503)}
    decorator: Callable[[Handler], Handler] = extend_schema(
        operation_id=name,
        parameters=[_parameter(each) for each in parameters],
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
