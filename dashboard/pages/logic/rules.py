"""The list of rules in their order, with what each did in the last hour; and what is done to one of them at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from dashboard.frame.page import Shown
from dashboard.pages.logic import addresses, editing
from dashboard.pages.logic.editing import logic_action, logic_page
from ingestion.auth.read_scope import ReadScope
from processing.logic import edits
from processing.logic.content import Content
from processing.logic.edits import UnknownRule
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import shapes
from processing.logic.revisions import saving
from queries.logic import own_rules, rule_activity
from queries.logic.revisions import SAVE_SECONDS
from queries.logic.rule_activity import MINUTES
from queries.reads import postgres

MOST_PLACES = 200
HEIGHT = 20  # of the drawing of an hour


@logic_page("rules", part="rules", parameters=("moved", "toward"), whole=False)
def rules(request: HttpRequest, scope: ReadScope) -> Shown:
    """The rules of the current logic. `?moved=` names the one that was moved last, whose button gets the focus."""
    now = datetime.now(tz=UTC)
    if not scope.whole:
        return Shown({"ownRules": own_rules.read(scope=scope, now=now)}, {"bound": True})
    found = rule_activity.read(scope=scope, now=now)
    shown = [
        {
            **rule,
            "address": addresses.rule(rule["name"]),
            "line": _line(rule["hour"]["minutes"]) if rule["hour"] else "",
        }
        for rule in found["rules"]
    ]
    return Shown(
        {**found},
        {
            "rows": shown,
            "moved": request.GET.get("moved", ""),
            "toward": request.GET.get("toward", ""),
            "minutes": MINUTES,
            "height": HEIGHT,
        },
    )


@logic_action
def move(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Move a rule of the current logic to another place."""
    name, place = request.POST.get("name", ""), _place(request.POST.get("place", ""))
    if _change(request, f"rule {name} moved to place {place}", lambda content: edits.moved(content, name, place)):
        messages.success(request, f"The rule {name} is at place {place}.")
    toward = "up" if place < _place(request.POST.get("from", "")) else "down"
    return HttpResponseRedirect(addresses.with_query(reverse("logic"), {"moved": name, "toward": toward}))


@logic_action
def switch(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Enable or disable a rule of the current logic."""
    name, enabled = request.POST.get("name", ""), request.POST.get("enabled") == "true"
    word = "enabled" if enabled else "disabled"
    if _change(request, f"rule {name} {word}", lambda content: edits.switched(content, name, enabled=enabled)):
        messages.success(request, f"The rule {name} is {word}; consumers follow within two seconds.")
    return HttpResponseRedirect(reverse("logic"))


def _change(request: HttpRequest, reason: str, edit: Callable[[Content], Content]) -> bool:
    """Change the current logic, whatever it is by now; say what else has changed since the person looked at it.

    Returns whether it was done.
    """
    seen = request.POST.get("base", "")
    try:
        with postgres.bounded(SAVE_SECONDS):
            current = shapes.current()
            saving.change(edit, who=editing.who(request), reason=reason, allow_unmatched=True)
    except UnknownRule as error:
        messages.error(request, f"Nothing was changed: meanwhile {error}.")
        return False
    except InvalidLogic as error:
        messages.error(request, f"Nothing was changed: {error}")
        return False
    if seen.isdigit() and int(seen) != current["number"]:
        told = f"Meanwhile revision {current['number']} was made current by {current['who']}: {current['reason'] or 'no reason given'}."
        messages.warning(request, f"{told} The change was made to that one.")
    return True


def _place(text: str) -> int:
    return max(1, min(int(text), MOST_PLACES)) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _line(minutes: list[int]) -> str:
    """Return the counts of minutes as the points of a line; empty: there were none."""
    most = max(minutes)
    if not most:
        return ""
    return " ".join(f"{at},{HEIGHT - 1 - count / most * (HEIGHT - 2):.1f}" for at, count in enumerate(minutes))
