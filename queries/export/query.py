"""The query of an export: its parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self, cast

from queries.events.query import Order, projection_of
from queries.export.formats import FORMATS, NDJSON, Format
from queries.request import selection as selections
from queries.request.query_params import InvalidParameter, Parameters
from queries.request.selection import Selection

PARAMETERS = (*selections.PARAMETERS, "order", "fields", "format", "manifest")
REPEATED = (*selections.REPEATED, "fields")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportQuery:
    """Which events to export, in which order and form. There is no limit to their number."""

    selection: Selection = field(default_factory=Selection)
    order: Order = "asc"
    fields: tuple[tuple[str, ...], ...] | None = None  # of the payload, by path; None: all of it
    format: Format = NDJSON
    manifest: bool = False  # end with a line that counts what came before

    @classmethod
    def from_parameters(cls, parameters: Parameters, *, preferred: Format = NDJSON) -> Self:
        """Parse the query parameters.

        :param preferred: the format, if none is named
        :raises InvalidParameter: a value can't be used
        """
        name = parameters.choice("format", tuple(FORMATS), default=preferred.name)
        assert name is not None
        wanted = FORMATS[name]
        manifest = parameters.choice("manifest", ("0", "1"), default="0") == "1"
        if manifest and wanted is not NDJSON:
            raise InvalidParameter("manifest", f"manifest: expected with format={NDJSON.name} alone")
        return cls(
            selection=Selection.from_parameters(parameters),
            order=cast("Order", parameters.choice("order", ("asc", "desc"), default="asc")),
            fields=projection_of(parameters),
            format=wanted,
            manifest=manifest,
        )
