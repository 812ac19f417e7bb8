"""Changes of a payload. What is given stays as it is: objects are copied along the path of the change."""

from __future__ import annotations

from ingestion.events.model import MAX_DEPTH, MAX_KEYS
from processing.logic.expressions.interpreter import ABSENT, at_path

Path = tuple[str, ...]
Payload = dict[str, object]


def put(values: Payload, path: Path, value: object) -> Payload | None:
    """Return a payload with a field set; missing objects around it are made.

    None: there is something else than an object on the way, or an object would have too many keys.
    """
    top = dict(values)
    around = top
    for key in path[:-1]:
        inner = around.get(key, ABSENT)
        if inner is not ABSENT and type(inner) is not dict:
            return None
        if not _may_have(around, key):
            return None
        copied: Payload = {} if inner is ABSENT else dict(inner)  # type: ignore[call-overload]
        around[key] = copied
        around = copied
    if not _may_have(around, path[-1]):
        return None
    around[path[-1]] = value
    return top


def _may_have(values: Payload, key: str) -> bool:
    return len(values) < MAX_KEYS or key in values


def take(values: Payload, path: Path) -> Payload:
    """Return a payload without a field; the same object, if it is not there."""
    if at_path(values, path) is ABSENT:
        return values
    top = dict(values)
    around = top
    for key in path[:-1]:
        copied = dict(around[key])  # type: ignore[call-overload]
        around[key] = copied
        around = copied
    del around[path[-1]]
    return top


def move(values: Payload, path: Path, to: Path) -> Payload | None:
    """Return a payload whose field has another path, replacing what is there; the same object, if the field is missing.

    None: as in `put`, or the payload would be too deep.
    """
    value = at_path(values, path)
    if value is ABSENT or path == to:
        return values
    if len(to) + _depth(value) > MAX_DEPTH:
        return None
    return put(take(values, path), to, value)


# A list may have a hundred thousand items, so nobody looks into one: what is in it came with the event, and was bounded there.
def _depth(value: object) -> int:
    """Return how many levels of objects a value has. A list is one."""
    if type(value) is dict:
        return 1 + max(map(_depth, value.values()), default=0)
    return int(type(value) is list)
