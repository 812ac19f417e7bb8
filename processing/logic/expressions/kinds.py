"""What an expression can give, as far as that is known before any event is seen."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The kind of a result; the value is how messages call it."""

    NUMBER = "a number"
    TEXT = "a text"
    BOOLEAN = "a boolean"
    TIME = "a time"
    TAGS = "the tags"
    ANY = "a field"  # of the payload: known only when an event is there
    NOTHING = "None"


Kinds = frozenset[Kind]

NUMBER: Kinds = frozenset({Kind.NUMBER})
TEXT: Kinds = frozenset({Kind.TEXT})
BOOLEAN: Kinds = frozenset({Kind.BOOLEAN})
TIME: Kinds = frozenset({Kind.TIME})
VALUES: Kinds = frozenset({Kind.NUMBER, Kind.TEXT, Kind.BOOLEAN})


def fits(kind: Kind, wanted: Kinds) -> bool:
    """Return whether a result of a kind can be one of the wanted kinds. A field is never a time."""
    return kind in wanted or (kind is Kind.ANY and not wanted.isdisjoint(VALUES))


def joined(kinds: Kinds) -> Kind | None:
    """Return the kind of a result that is one of several; None: those never go together."""
    known = kinds - {Kind.NOTHING}
    if len(known) == 1:
        return next(iter(known))
    if not known:
        return Kind.NOTHING
    return Kind.ANY if known <= VALUES | {Kind.ANY} else None


def listed(kinds: Kinds) -> str:
    """Return kinds as messages name them."""
    return " or ".join(sorted(kinds))
