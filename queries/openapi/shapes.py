"""The types of answers and bodies as schemas, made from the Python types themselves."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import get_args

import msgspec
from django.db.models import Choices

from ingestion.problems import Problem
from processing.dead_letters.export import ExportedLetter
from processing.dead_letters.schemas import (
    DeadLetterDetail,
    DeadLetterShape,
    DiscardRehearsal,
    JobDetail,
    JobShape,
    RedriveRehearsal,
)
from processing.logic.content import Content, RuleContent
from processing.logic.presentation.shapes import (
    CurrentLogic,
    DiffShape,
    Faults,
    RevisionDetail,
    RevisionShape,
    SchemaDocument,
    SchemaVersionShape,
    TableText,
    TableVersionShape,
)
from queries.dead_letters.bodies import DiscardMany, DiscardOne, RedriveMany, RedriveOne
from queries.key_bodies import KeyExpiry, NewKey
from queries.logic.bodies import Activation, LogicCheck, NewRevision, NewSchema, NewTable
from queries.logic.configuration import AppliedConfiguration
from queries.logic.inference import ProposedSchema, SchemaProposal
from queries.logic.runs import NewReplay, NewTrial
from queries.openapi import Json
from queries.pipeline.partitions import ResumePartition
from queries.schemas import (
    Aggregate,
    Chart,
    ChartRows,
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

_SHAPES: list[object] = [
    dict[str, str],
    EventList,
    EventShape,
    EventDetail,
    Aggregate,
    Chart,
    ChartRows,
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
    JobDetail,
    NewReplay,
    NewTrial,
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
    Content,
    RuleContent,
    CurrentLogic,
    Page[RevisionShape],
    RevisionDetail,
    DiffShape,
    Faults,
    Page[SchemaVersionShape],
    SchemaDocument,
    Page[TableVersionShape],
    TableVersionShape,
    TableText,
    NewRevision,
    Activation,
    LogicCheck,
    NewSchema,
    NewTable,
    AppliedConfiguration,
    SchemaProposal,
    ProposedSchema,
    Problem,
]


class Shapes:
    """Types, and their schemas as components of the document."""

    def __init__(self, types: Sequence[object], *, prefix: str = "") -> None:
        """Make the schemas.

        :param prefix: of all names, for types of an app that has its own of the same name
        """
        references, components = msgspec.json.schema_components(
            types, ref_template=f"#/components/schemas/{prefix}{{name}}", schema_hook=_custom
        )
        self.components = {f"{prefix}{name}": shape for name, shape in components.items()}
        self._references = dict(zip(map(str, types), references, strict=True))

    def of(self, shape: object) -> Json:
        """Return the reference to the schema of a type, or of each of a union."""
        if isinstance(shape, UnionType):
            return {"anyOf": list(map(self.of, get_args(shape)))}
        return self._references[str(shape)]


def _custom(kind: type) -> Json:
    """Return the schema of types unknown to msgspec: Django's choices, and `object` for any JSON value."""
    if issubclass(kind, Choices):
        return {"enum": list(kind.values)}
    if kind is not object:
        raise NotImplementedError
    return {"description": "Any JSON value."}


SHAPES = Shapes(_SHAPES)
