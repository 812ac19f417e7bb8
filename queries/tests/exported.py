"""Makes exports in this process, and reads their formats as other programs do."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet
from django.http import QueryDict

from ingestion.auth.read_scope import EVERYTHING, ReadScope
from queries.export import export
from queries.export.query import PARAMETERS, REPEATED, ExportQuery
from queries.request.query_params import Parameters


def exported(query: str = "", *, scope: ReadScope = EVERYTHING) -> bytes:
    """Return a whole export."""
    return b"".join(started(query, scope=scope))


def started(query: str = "", *, scope: ReadScope = EVERYTHING) -> export.Export:
    """Return an export of which no piece is made."""
    parameters = Parameters(QueryDict(query), known=PARAMETERS, repeated=REPEATED)
    wanted = ExportQuery.from_parameters(parameters)
    return export.of_reader(wanted, scope=scope, now=datetime.now(tz=UTC), given=dict(parameters.given))


def lines(ndjson: bytes) -> list[dict[str, Any]]:
    """Return the objects of NDJSON, by Python's own parser."""
    assert ndjson.endswith(b"\n") or not ndjson
    return [json.loads(line) for line in ndjson.split(b"\n")[:-1]]


def table(text: bytes) -> list[dict[str, str]]:
    """Return the rows of CSV by the names of its columns."""
    return list(csv.DictReader(io.StringIO(text.decode(), newline=""), strict=True))


def parquet(file: bytes) -> list[dict[str, Any]]:
    """Return the rows of Parquet by the names of its columns."""
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(io.BytesIO(file)).to_pylist()
    return rows
