"""The labels of sources that rules use, as the registry has them now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ingestion.models import Source
from processing.logic.content import Content
from processing.logic.expressions.tree import Label, Node, children
from processing.logic.rules.actions import Set
from processing.logic.rules.rule import Rule

CHUNK = 2_000  # sources of one fetch


def of(rules: Sequence[Rule]) -> dict[str, dict[str, str]]:
    """Return the labels of sources that rules use, by source: only for sources that such a rule is for."""
    using = [(rule, wanted) for rule in rules if (wanted := names_in(rule))]
    names = frozenset[str]().union(*(wanted for _, wanted in using))
    found: dict[str, dict[str, str]] = {}
    if not names:
        return found
    registered = Source.objects.filter(labels__has_any_keys=sorted(names)).order_by("source_id")
    for source, all_labels in registered.values_list("source_id", "labels").iterator(CHUNK):
        labels = as_texts(all_labels)
        used = frozenset[str]().union(*(wanted for rule, wanted in using if rule.applies_to(source, labels)))
        if kept := {name: labels[name] for name in sorted(used & labels.keys())}:
            found[source] = kept
    return found


def may_be_used(content: Content) -> bool:
    """Return whether rules may look at labels; a text that only looks like one counts, too."""
    texts = (text for rule in content.rules for text in (rule.when, *rule.actions))
    return bool(content.labels) or any(rule.labels for rule in content.rules) or any("labels" in text for text in texts)


def names_in(rule: Rule) -> frozenset[str]:
    """Return the labels that a rule looks at, be it to choose its sources."""
    written = [rule.when, *(action.value for action in rule.actions if isinstance(action, Set))]
    return frozenset({*rule.labels, *(name for node in written if node for name in _labels(node))})


def _labels(node: Node) -> Iterator[str]:
    if isinstance(node, Label):
        yield node.name
    for part in children(node):
        yield from _labels(part)


def as_texts(labels: object) -> dict[str, str]:
    """Return the labels of a source in a fixed order; the admin takes any JSON in their place."""
    if not isinstance(labels, dict):
        return {}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in sorted(labels.items())}
