"""What rows have by the results of rules."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from processing.events.entries import Entries
from processing.events.made import Made
from processing.logic.rules.results import Result

_encode = msgspec.json.Encoder().encode


def made(entries: Entries, results: Mapping[int, Result]) -> list[Made | None]:
    """Return what the row of each event has; None: what was sent, without tags.

    :param results: of events that are kept, by index; a rule or schema did something with them
    """
    found = list(entries.made)
    sent, payloads = entries.values, entries.payloads
    for index, result in results.items():
        values, tags = result.values, result.tags
        if values is not sent[index]:
            found[index] = Made(values, _encode(values), tags)
        else:
            found[index] = Made(values, payloads[index], tags, is_changed=False) if tags else None
    return found
