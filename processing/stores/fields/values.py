"""SQL of the value of a payload's field; declared indexes and the filters that they serve use the same."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

# A text of more bytes is in no index (migration 0011).
MAX_INDEXED_TEXT = 512


def expression(path: Sequence[str]) -> str:
    """Return the SQL of a field's value as jsonb: NULL if there is none, or it is a long text, an object or an array."""
    return f"field_value(payload, {_array(path)})"


def raw(path: Sequence[str]) -> str:
    """Return the SQL of whatever is at a path, as jsonb; NULL if nothing is."""
    return f"(payload #> {_array(path)})"


def text(path: Sequence[str]) -> str:
    """Return the SQL of a text at a path, whatever its length; of another value its JSON."""
    return f"(payload #>> {_array(path)})"


def _array(path: Sequence[str]) -> str:
    """Return a path as a literal: PostgreSQL compares expressions of indexes before it knows parameters."""
    steps = ", ".join(_literal(step) for step in path)
    # A percent sign would be a placeholder's.
    return f"ARRAY[{steps}]::text[]".replace("%", "%%")


def _literal(step: str) -> str:
    return sql.Literal(step).as_string(None)


def number(path: Sequence[str]) -> str:
    """Return the SQL of a number at a path as a double; NULL if something else is there."""
    found = raw(path)
    # PostgreSQL refuses a decimal that is nearer to 0 than any double; rollups take it for 0.
    return (
        f"CASE WHEN jsonb_typeof({found}) = 'number' THEN"
        f" CASE WHEN abs({found}::numeric) < 2.5e-324 THEN 0 ELSE {found}::float8 END END"
    )
