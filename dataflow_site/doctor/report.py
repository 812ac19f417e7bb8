"""All groups, and what they found as a table for people and as a shape for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from dataflow_site.doctor import certificates, kafka, local_settings, mongodb, pipeline, postgresql, redis
from dataflow_site.doctor.findings import AnyGroup, Finding, Level
from dataflow_site.doctor.redaction import redact
from dataflow_site.version import VERSION

GROUPS: tuple[AnyGroup, ...] = (
    local_settings.GROUP,
    kafka.GROUP,
    postgresql.GROUP,
    mongodb.GROUP,
    redis.GROUP,
    certificates.GROUP,
    pipeline.GROUP,
)
_WIDTH = 110
_WORDS = {Level.OK: "ok", Level.WARNING: "warning", Level.ERROR: "ERROR"}


def is_well(found: Sequence[Finding]) -> bool:
    """Return whether nothing has to be mended."""
    return all(one.said.level == Level.OK for one in found)


def shape(found: Sequence[Finding]) -> dict[str, object]:
    """Return it for programs."""
    return {
        "ok": is_well(found),
        "release": VERSION,
        "errors": _count(found, Level.ERROR),
        "warnings": _count(found, Level.WARNING),
        "findings": [
            {
                "check": one.check,
                "level": one.said.level.name.lower(),
                "text": redact(one.said.text),
                "mend": redact(one.said.mend),
            }
            for one in found
        ],
    }


def text(found: Sequence[Finding]) -> str:
    """Return it for people: what is wrong last, where a terminal shows it."""
    lines = [line for one in sorted(found, key=lambda one: one.said.level) for line in _lines(one)]
    errors, warnings = _count(found, Level.ERROR), _count(found, Level.WARNING)
    return "\n".join([*lines, "", f"Release {VERSION}. {len(found)} findings: {errors} errors, {warnings} warnings."])


def _lines(one: Finding) -> Iterator[str]:
    head = f"{_WORDS[one.said.level]:<8} {one.check:<26} "
    yield textwrap.fill(redact(one.said.text), _WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
    if one.said.mend:
        # Not wrapped, so that it can be copied.
        yield f"{'':<{len(head)}}-> {redact(one.said.mend)}"


def _count(found: Sequence[Finding], level: Level) -> int:
    return sum(one.said.level == level for one in found)
