"""The steps of a mend as the rows of a form, and in an address."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from processing.dead_letters.mending import date_formats, steps
from processing.dead_letters.mending.steps import AnyStep, Cast, InvalidMend, Mend, ParseDate, Rename, Set
from queries.request.query_params import Parameters

COLUMNS = ("do", "field", "with", "zone")
PARAMETERS = ("mend", *COLUMNS)
MAX_JSON = 20_000  # characters of a mend in an address
CHOICES = {
    "": "–",
    "set": "set … to",
    "rename": "rename … to",
    "parse_date": "parse … as a date like",
    "cast": "make … a",
    "remove": "remove",
    "received_time": "use the time of receipt as timestamp",
    "new_id": "derive a new event id",
    "keep_last": "keep the last of doubled keys",
    "drop_commas": "remove trailing commas",
}
# What the third column means.
_WITH = {"set": "value", "rename": "to", "parse_date": "format", "cast": "to"}
FORMATS = ["dd/mm/yyyy", "dd/mm/yyyy HH:MM:SS", "mm/dd/yyyy HH:MM:SS", "yyyy-mm-dd HH:MM:SS", date_formats.UNIX]


# Named as the columns are; `with` is a word of Python's.
Row = TypedDict("Row", {"do": str, "field": str, "with": str, "zone": str})


def read(parameters: Parameters) -> tuple[list[Row], Mend | None, str]:
    """Return the rows of a form, the mend they say, and what is wrong with them; no mend without any step."""
    try:
        rows = [*map(_row, from_text(parameters.text("mend", most=MAX_JSON) or "") or []), *_rows(parameters)]
    except InvalidMend as error:
        return [], None, str(error)
    try:
        found = list(steps.from_json([_step(row) for row in rows])) if rows else []
    except InvalidMend as error:
        return rows, None, str(error)
    return rows, found or None, ""


def from_text(text: str) -> Mend | None:
    """Read a mend that `as_text` returned; None of an empty text.

    :raises InvalidMend: it is none
    """
    try:
        return steps.from_json(json.loads(text)) if text else None
    except ValueError as error:
        raise InvalidMend("mend: expected JSON") from error


def as_text(mend: Mend) -> str:
    """Return a mend as a parameter of an address."""
    return json.dumps(steps.to_json(mend), ensure_ascii=False, separators=(",", ":"))


def _rows(parameters: Parameters) -> Iterator[Row]:
    columns: Mapping[str, Sequence[str]] = {name: parameters.given.get(name, ()) for name in COLUMNS}
    for place, do in enumerate(columns["do"][: steps.MOST]):
        others = {name: column[place].strip() if place < len(column) else "" for name, column in columns.items()}
        if do:
            yield {"do": do, "field": others["field"], "with": others["with"], "zone": others["zone"]}


def _step(row: Row) -> dict[str, object]:
    """Return one row as the JSON of a step."""
    step: dict[str, object] = {"do": row["do"]}
    if row["do"] in (*_WITH, "remove") and (row["field"] or row["do"] != "parse_date"):
        step["field"] = row["field"]
    if row["do"] in _WITH:
        step[_WITH[row["do"]]] = _json(row["with"]) if row["do"] == "set" else row["with"]
    if row["do"] == "parse_date" and row["zone"]:
        step["zone"] = row["zone"]
    return step


def _json(text: str) -> object:
    """Return a value as JSON, or the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _row(step: AnyStep) -> Row:
    do = str(steps.to_json([step])[0]["do"])
    row: Row = {"do": do, "field": getattr(step, "field", ""), "with": "", "zone": ""}
    match step:
        case Set():
            text = isinstance(step.value, str) and _json(step.value) == step.value
            row["with"] = str(step.value) if text else json.dumps(step.value, ensure_ascii=False)
        case Rename() | Cast():
            row["with"] = step.to
        case ParseDate():
            row["with"], row["zone"] = step.format, step.zone
    return row
