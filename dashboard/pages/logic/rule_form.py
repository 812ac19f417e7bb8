"""The form of a rule: what a person types, and the rule that it stands for."""

from __future__ import annotations

import msgspec
from django import forms
from django.core.exceptions import ValidationError

from dashboard.pages.logic.editing import MAX_REASON
from processing.logic.content import Example, RuleContent
from processing.logic.faults import InvalidLogic
from processing.logic.revisions.checks import reading

# The beginnings of pointers of faults, and the fields that they are shown at.
FIELDS = {f"/{name}": name for name in ("name", "sources", "labels", "when", "actions", "note", "examples")}

ACTIONS = (
    "One a line, in order: set FIELD = EXPRESSION, remove FIELD, rename FIELD to FIELD, tag NAME, untag NAME,"
    ' reject "REASON" (a dead letter), drop (nothing is kept but a count), stop (skip later rules).'
)


class _Examples(msgspec.Struct):
    examples: list[Example]


def _lines(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "spellcheck": "false", "autocapitalize": "none"})


class RuleForm(forms.Form):
    """A rule, its place in the list, and why it is changed."""

    name = forms.CharField(max_length=100, help_text="Shown in counts, traces and dead letters.")
    sources = forms.CharField(
        required=False, widget=_lines(2), help_text="Ids, or patterns such as plant-*, one a line. Empty: see labels."
    )
    labels = forms.CharField(
        required=False,
        widget=_lines(2),
        help_text="Instead of sources: NAME=VALUE, one a line, for sources that have all of them. Both empty: every source.",
    )
    when = forms.CharField(
        required=False,
        widget=_lines(2),
        help_text='The rule acts on events for which this is true: temperature > 30 and site.name == "north". Empty: always.',
    )
    actions = forms.CharField(widget=_lines(5), help_text=ACTIONS)
    place = forms.IntegerField(min_value=1, max_value=200, help_text="In the list; rules run in order.")
    enabled = forms.BooleanField(required=False, initial=True)
    note = forms.CharField(required=False, max_length=2_000, widget=_lines(2), help_text="For whoever reads it later.")
    examples = forms.CharField(
        required=False,
        widget=_lines(6),
        help_text="A JSON list of input and output; each save runs them through all rules. The page of an event makes one.",
    )
    reason = forms.CharField(required=False, max_length=MAX_REASON, help_text="Why it is changed.")
    allow_unmatched = forms.BooleanField(
        required=False,
        label="Sources may be ones that have not sent yet",
        help_text="Otherwise they are taken for misspelled.",
    )
    events_of = forms.CharField(
        required=False,
        max_length=128,
        label="Try on events of",
        help_text="A source id. Empty: the sources of the rule.",
    )
    base = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)

    @staticmethod
    def initial_of(rule: RuleContent, *, place: int) -> dict[str, object]:
        """Return what the form shows of a rule."""
        return {
            "name": rule.name,
            "sources": "\n".join(rule.sources),
            "labels": "\n".join(f"{name}={value}" for name, value in rule.labels.items()),
            "when": rule.when,
            "actions": "\n".join(rule.actions),
            "place": place,
            "enabled": rule.enabled,
            "note": rule.note,
            "examples": examples_text(rule.examples),
        }

    def clean_labels(self) -> dict[str, str]:
        """Parse the labels."""
        pairs = [line.partition("=") for line in _split(self.cleaned_data["labels"])]
        if not all(equals for _, equals, _ in pairs):
            raise ValidationError("Expected NAME=VALUE, one a line.")
        return {name.strip(): value.strip() for name, _, value in pairs}

    def clean_examples(self) -> list[Example]:
        """Parse the examples."""
        text = self.cleaned_data["examples"].strip()
        if not text:
            return []
        try:
            return reading.convert({"examples": msgspec.json.decode(text)}, _Examples).examples
        except msgspec.DecodeError as error:
            raise ValidationError(f"This is not JSON: {error}.") from error
        except InvalidLogic as error:
            raise ValidationError([f"{fault.pointer}: {fault.detail}" for fault in error.faults]) from error

    def rule(self) -> RuleContent:
        """Return the rule that a valid form stands for."""
        given = self.cleaned_data
        return RuleContent(
            name=given["name"],
            actions=_split(given["actions"]),
            sources=_split(given["sources"]),
            labels=given["labels"],
            when=given["when"].strip(),
            enabled=given["enabled"],
            note=given["note"].strip(),
            examples=given["examples"],
        )


def examples_text(examples: list[Example]) -> str:
    """Return examples as the form shows them."""
    if not examples:
        return ""
    return msgspec.json.format(msgspec.json.encode(examples), indent=2).decode()


def _split(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
