"""The formats of an export: their names, media types and the endings of their files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    name: str  # of the parameter `format`, and the ending of a file
    content_type: str
    media_types: tuple[str, ...]  # that ask for it in Accept
    needs_whole_payload: bool = False  # also if only some fields are asked for


NDJSON = Format(
    "ndjson",
    "application/x-ndjson",
    ("application/x-ndjson", "application/ndjson", "application/jsonl"),
    needs_whole_payload=True,
)
CSV = Format("csv", "text/csv; charset=utf-8; header=present", ("text/csv",))
PARQUET = Format("parquet", "application/vnd.apache.parquet", ("application/vnd.apache.parquet",))

FORMATS = {each.name: each for each in (NDJSON, CSV, PARQUET)}
# Those of the same weight in this order: a client that takes anything gets NDJSON.
BY_MEDIA_TYPE = {media: each for each in FORMATS.values() for media in each.media_types}
