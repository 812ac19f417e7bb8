"""Pauses a rule that fails again and again, in the consumer's own transaction."""

from __future__ import annotations

from processing.cursors import Cursor
from processing.ledger import incidents
from processing.logic import edits
from processing.logic.revisions import rows
from processing.models import Incident

WHO = "consumer"


def pause_rule(name: str, *, cursor: Cursor, detail: str) -> int | None:
    """Make a revision without a rule current and open an incident; return its number, or None: somebody did before.

    The rule stays in the list, disabled. Waits for who saves a revision now.

    :param cursor: of a transaction of its own
    :param detail: why, for the incident and as the revision's reason; no values of events
    """
    rows.lock(cursor)
    current = rows.current(cursor).number
    content = rows.content_of(cursor, current)
    if not any(rule.name == name and rule.enabled for rule in content.rules):
        return None
    changed = edits.switched(content, name, enabled=False)
    reason = f"the rule {name} was paused: {detail}"
    number = rows.insert(cursor, changed, base=current, who=WHO, reason=reason)
    rows.activate(cursor, number, who=WHO, reason=reason)
    incidents.open_incident(Incident.Kind.LOGIC, name, reason, cursor=cursor)
    return number
