"""The configuration of the site as YAML: read, compared, applied."""

from __future__ import annotations

from typing import TypedDict

from ingestion.auth.read_scope import ReadScope
from processing.configuration import applying, exporting, parsing, yaml_writer
from processing.configuration.registry import SourceChange
from processing.logic.revisions.diff import Change
from queries.reads import postgres
from queries.request.query_params import Parameters

PARAMETERS = ("dry_run", "prune")
SECONDS = 60.0  # for tables and rules that are all new


class AppliedConfiguration(TypedDict):
    """What a configuration changed, or would change."""

    dryRun: bool
    changed: bool
    revision: int  # of logic, that is current then
    sources: list[SourceChange]
    changes: list[Change]  # of logic
    text: str  # all of it for people


def read(*, scope: ReadScope) -> str:
    """Return the configuration of the site as YAML."""
    scope.require_whole()
    with postgres.bounded(SECONDS):
        return yaml_writer.write(exporting.current())


def apply(text: bytes, parameters: Parameters, *, who: str, scope: ReadScope) -> AppliedConfiguration:
    """Make the site as a configuration says.

    :raises InvalidParameter: a parameter is neither true nor false
    :raises InvalidLogic: it can't be applied; nothing of it was
    """
    scope.require_whole()
    dry_run, prune = (parameters.choice(name, ("true", "false")) == "true" for name in PARAMETERS)
    parsed = parsing.parse(text)
    with parsing.placed(parsed.document), postgres.bounded(SECONDS):
        applied = applying.apply(parsed.configuration, who=who, prune=prune, dry_run=dry_run)
    return {
        "dryRun": dry_run,
        "changed": applied.changed,
        "revision": applied.revision,
        "sources": applied.sources,
        "changes": applied.changes,
        "text": applied.text,
    }
