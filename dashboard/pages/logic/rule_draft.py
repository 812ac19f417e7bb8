"""A rule that is being changed in a revision: opened, checked, tried, with an event as an example. Needs no request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.http import Http404

from dashboard.pages.logic import editing
from dashboard.pages.logic.editing import DiffLine
from dashboard.pages.logic.rule_form import FIELDS, RuleForm
from ingestion.auth.read_scope import ReadScope
from ingestion.events.model import InvalidEvent
from processing.logic import edits
from processing.logic.content import Content, Example, RuleContent
from processing.logic.edits import Placed, UnknownRule
from processing.logic.expressions.functions import FUNCTIONS
from processing.logic.faults import InvalidLogic
from processing.logic.revisions import checking, loading, rows
from processing.logic.revisions.checks.examples import Trial
from processing.logic.revisions.rows import UnknownRevision
from processing.stores.mongodb.documents import DocumentsUnavailable
from queries.logic.revisions import SAVE_SECONDS
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.rule_trials import event_examples, recent_fields, trial
from queries.rule_trials.event_examples import NoExample
from queries.rule_trials.recent_fields import RecentField
from queries.rule_trials.trial import RuleTrial

# Those that take more than values are read by name (processing.logic.expressions.reading.calls).
FUNCTION_NAMES = sorted({*FUNCTIONS, "between", "coalesce", "convert", "exists", "lookup", "matches"})
FACTS = ("source", "timestamp", "received", "tags", "labels.", "True", "False")
ACTION_WORDS = ("set", "remove", "rename", "tag", "untag", "reject", "drop", "stop")
BLANK = RuleContent(name="", actions=[])


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule in the content of a revision; without a name it is a new one."""

    base: int
    content: Content
    name: str

    @property
    def rule(self) -> RuleContent:
        """The rule as it is in the revision."""
        return edits.find_rule(self.content, self.name) if self.name else BLANK

    @property
    def place(self) -> int:
        """Where the rule stands, from 1; a new one stands behind all."""
        return edits.place_of(self.content, self.name) if self.name else len(self.content.rules) + 1

    def with_typed(self, form: RuleForm) -> Placed:
        """Return the content with the rule that a valid form stands for."""
        return edits.with_rule(self.content, form.rule(), instead_of=self.name, place=form.cleaned_data["place"])


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says beside the form."""

    trial: RuleTrial | None = None
    problem: str = ""  # why there is no trial
    changed: Sequence[DiffLine] = ()  # by somebody else, meanwhile


def open_rule(base: int | None, name: str, *, may_be_gone: bool = False) -> RuleDraft:
    """Return a rule of a revision; None: of the current one.

    :param may_be_gone: if the revision has no such rule, return a new one
    :raises Http404: there is no such revision, or no such rule in it
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    try:
        with postgres.bounded(), connection.cursor() as cursor:
            number = rows.current(cursor).number if base is None else base
            content = rows.content_of(cursor, number)
        if name and may_be_gone and all(rule.name != name for rule in content.rules):
            return RuleDraft(number, content, "")
        if name:
            edits.find_rule(content, name)
    except (UnknownRevision, UnknownRule) as error:
        raise Http404(str(error)) from error
    return RuleDraft(number, content, name)


def tried(draft: RuleDraft, form: RuleForm, *, scope: ReadScope, raw: bool) -> Told:
    """Check what was typed into a valid form, and try it on the newest events; what is wrong stands in the form then."""
    given = form.cleaned_data
    content, index = draft.with_typed(form)
    try:
        with postgres.bounded(SAVE_SECONDS):
            checked = checking.check(content, base=draft.content, allow_unmatched=given["allow_unmatched"])
        found = trial.run(content, given["name"], checked, source=given["events_of"] or None, scope=scope, raw=raw)
    except InvalidLogic as error:
        add_faults(form, error, index)
        return Told(problem="Mend what is wrong first.")
    except DocumentsUnavailable:
        return Told(problem="MongoDB, which has what was sent, does not answer. The rule can be saved.")
    except ReadUnavailable:
        return Told(problem="PostgreSQL does not answer. Try again in a moment.")
    return Told(found)


def add_faults(form: RuleForm, error: InvalidLogic, index: int) -> None:
    """Show what is wrong with the rule at an index of a content at the fields of its form."""
    editing.add_faults(form, error.faults, {f"/rules/{index}{start}": name for start, name in FIELDS.items()})


def example_of(address: str, draft: RuleDraft, *, scope: ReadScope) -> Example:
    """Return a stored event as an example, as the revision treats it.

    :param address: source and id of the event, with a slash between them
    :raises NoExample: it can't be made one
    """
    try:
        with postgres.bounded(), connection.cursor() as cursor:
            named, _ = loading.find_named(cursor, draft.content)
        return event_examples.of(address, draft.content, named, scope=scope)
    except DocumentsUnavailable as error:
        raise NoExample("MongoDB, which has what was sent, does not answer; the event is no example yet.") from error


def expected(draft: RuleDraft, form: RuleForm) -> list[Example]:
    """Return the examples of a valid form with what the typed rule makes of them; of one that is no event, as it is.

    :raises InvalidLogic: the rule can't be compiled
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    content, index = draft.with_typed(form)
    with postgres.bounded(), connection.cursor() as cursor:
        named, _ = loading.find_named(cursor, content)
    trials = Trial(content, named)
    return [_with_outcome(example, trials) for example in content.rules[index].examples]


def _with_outcome(example: Example, trials: Trial) -> Example:
    try:
        return Example(example.input, trials.outcome(example.input))
    except InvalidEvent:
        return example


def fields_of(draft: RuleDraft, form: RuleForm, *, scope: ReadScope) -> list[RecentField]:
    """Return the fields of the last events of the sources that were typed; none while they can't be read."""
    given = getattr(form, "cleaned_data", {})  # without fields that something is wrong with
    sources = given["sources"].split() if "sources" in given else draft.rule.sources
    labels = given.get("labels", draft.rule.labels)
    try:
        return recent_fields.read(sources, labels, scope=scope)
    except ReadUnavailable:
        return []


def completions(fields: Sequence[RecentField]) -> list[str]:
    """Return what an expression or an action may name, to be completed as one types."""
    return [*(field.path for field in fields), *FACTS, *(f"{name}(" for name in FUNCTION_NAMES), *ACTION_WORDS]
