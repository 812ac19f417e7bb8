"""A mend as the actions of a rule, for events to come. Pure."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

from processing.dead_letters.mending.steps import AnyStep, Cast, Mend, Remove, Rename, Set
from processing.events import fields

# Of letters, rules see those that failed here; what failed before never reaches them.
STAGES = ("process", "rows")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_CASTS = {"number": "number", "text": "text"}


def address(mend: Mend, source_id: str) -> str | None:
    """Return the address of the form for a rule that does the same; None: rules can't do it."""
    actions = [_action(step) for step in mend]
    if not source_id or not all(actions):
        return None
    lines = "\n".join(action for action in actions if action)
    return f"/logic/rules/new/?{urlencode({'sources': source_id, 'actions': lines, 'place': 1})}"


def _action(step: AnyStep) -> str | None:
    names = [_field(path) for path in (getattr(step, "field", None), getattr(step, "to", None)) if path is not None]
    match step:
        case Set() if names[0] and isinstance(step.value, str | int | float):
            return f"set {names[0]} = {_literal(step.value)}"
        case Rename() if all(names):
            return f"rename {names[0]} to {names[1]}"
        case Remove() if names[0]:
            return f"remove {names[0]}"
        case Cast() if names[0] and step.to in _CASTS:
            return f"set {names[0]} = {_CASTS[step.to]}({names[0]})"
    return None


def _field(path: str) -> str | None:
    """Return the name of a field of the payload in the language of rules; None: it is another, or its keys are no names."""
    first, *keys = fields.split(path)
    return f"payload.{'.'.join(keys)}" if first == "payload" and keys and all(map(_NAME.fullmatch, keys)) else None


def _literal(value: str | float) -> str:
    return str(value) if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)
