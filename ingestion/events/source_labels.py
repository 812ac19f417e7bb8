"""The bounds of a source's labels: what is over them is left out and told, and the event is kept."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

MAX_LABELS = 64
MAX_LABEL_BYTES = 256  # of a name, and of a value
LEFT_OUT = "labelsLeftOut"  # the label that tells how many were left out


def bounded(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that are kept, in the same order: a long value is cut, with an ellipsis at its end."""
    kept = {name: _cut(value) for name, value in labels.items() if len(name.encode()) <= MAX_LABEL_BYTES}
    if len(kept) > MAX_LABELS or len(kept) < len(labels):
        kept = dict(islice(kept.items(), MAX_LABELS - 1))
        kept[LEFT_OUT] = str(len(labels) - len(kept))
    return kept


def _cut(value: str) -> str:
    text = value.encode()
    if len(text) <= MAX_LABEL_BYTES:
        return value
    return text[: MAX_LABEL_BYTES - len("…".encode())].decode(errors="ignore") + "…"
