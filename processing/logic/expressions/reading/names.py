"""Names in expressions: fields of the payload, labels, and what comes with an event."""

from __future__ import annotations

import ast

from ingestion.events.model import MAX_DEPTH, MAX_KEY_LENGTH
from ingestion.events.source_labels import MAX_LABEL_BYTES
from processing.logic.expressions.kinds import Kind
from processing.logic.expressions.reading.syntax import Written, check_text
from processing.logic.expressions.tree import Fact, Field, Label, Node

PAYLOAD, LABELS = "payload", "labels"
FACTS = {"source": Kind.TEXT, "timestamp": Kind.TIME, "received": Kind.TIME, "tags": Kind.TAGS}
RESERVED = {*FACTS, PAYLOAD, LABELS}
# What people mean by these is no field.
_CONSTANTS = {"true": "True", "false": "False", "null": "None", "none": "None"}


def read_name(written: Written, node: ast.expr) -> Node:
    """Return what a name or a path stands for.

    :raises InvalidLogic: it is none
    """
    root, *keys = _steps(written, node)
    text = written.segment(node)
    if root == LABELS:
        if len(keys) != 1 or len(keys[0].encode()) > MAX_LABEL_BYTES:
            raise written.refused("expected labels and one name, as in labels.site", node)
        return Label(kind=Kind.TEXT, text=text, name=keys[0])
    if root in FACTS:
        if keys:
            raise written.refused(f"{root} has no parts; a field of this name is payload.{root}", node)
        return Fact(kind=FACTS[root], text=text, name=root)
    return Field(kind=Kind.ANY, text=text, path=_path(written, node, [root, *keys]))


def read_field(written: Written, node: ast.expr) -> tuple[str, ...]:
    """Return the path of a field that an action changes.

    :raises InvalidLogic: it is none
    """
    root, *keys = _steps(written, node)
    if root in RESERVED - {PAYLOAD}:
        raise written.refused(f"{root} is no field of the payload; payload.{root} would be one", node)
    return _path(written, node, [root, *keys])


def _path(written: Written, node: ast.expr, steps: list[str]) -> tuple[str, ...]:
    path = tuple(steps[1:] if steps[0] == PAYLOAD else steps)
    if not path:
        raise written.refused("expected a field of the payload, as in payload.temperature", node)
    if len(path) > MAX_DEPTH:
        raise written.refused(f"expected at most {MAX_DEPTH} levels of objects", node)
    if any(len(key) > MAX_KEY_LENGTH for key in path):
        raise written.refused(f"expected keys of at most {MAX_KEY_LENGTH} characters", node)
    return path


def _steps(written: Written, node: ast.expr) -> list[str]:
    """Return a name and the keys behind it."""
    match node:
        case ast.Name(id=name):
            _check_constant(written, node, name)
            return [_as_written(written, node, name)]
        case ast.Attribute(value=value, attr=key):
            return [*_steps(written, value), _as_written(written, node, key)]
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key)) as constant):
            check_text(written, constant)
            return [*_steps(written, value), key]
        case ast.Subscript():
            raise written.refused('expected a key in quotes, as in payload["odd key"]', node)
    raise written.refused("expected the name of a field", node)


def _check_constant(written: Written, node: ast.expr, name: str) -> None:
    meant = _CONSTANTS.get(name.lower())
    if meant is not None:
        raise written.refused(f'no field is named so without payload["{name}"]; did you mean {meant}?', node)


def _as_written(written: Written, node: ast.expr, name: str) -> str:
    # Python reads other forms of a letter as one, so that µ (U+00B5) would be another key than the event's.
    if not written.segment(node).endswith(name):
        raise written.refused(
            'Python reads such letters as others; the key is written in quotes, as in payload["…"]', node
        )
    return name
