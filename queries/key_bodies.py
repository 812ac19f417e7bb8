"""The JSON bodies that make an API key or set its expiry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime

from ingestion.models import Scope, check_patterns, check_rate
from queries.request import json_body

T = TypeVar("T")

MAX_NAME = 100  # characters
MAX_RATE = 100  # characters

_NOT_A_TIME = "expected a time like 2031-04-11T12:00:00Z, or null"

# Checked by `checked`, which reports every wrong member at once; msgspec stops at the first.
Name = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_NAME})]
ScopeName = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(Scope.values)})]
Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]


@dataclass(frozen=True, slots=True)
class KeyRights:
    """A checked body: what the key to make is called, and what it allows."""

    name: str
    scopes: list[str]
    sources: list[str]  # empty: all
    rate: str  # empty: the default
    expires_at: datetime | None  # None: never


class NewKey(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The key to make. `name` is required; no `sources` means all of them."""

    name: Name = ""
    scopes: list[ScopeName] = msgspec.field(default_factory=lambda: [Scope.INGEST.value])
    sources: list[str] = msgspec.field(default_factory=list)
    rate: str = ""
    expires_at: Time | None = None

    def checked(self) -> KeyRights:
        """Return the rights that the body asks for.

        :raises InvalidBody: with one error for each wrong member
        """
        name, rate = self.name.strip(), self.rate.strip()
        sources = [source.strip() for source in self.sources]
        wrong = {
            "name": None if _is_name(name) else f"expected 1 to {MAX_NAME} characters, without NUL",
            "scopes": None if set(self.scopes) <= set(Scope.values) else f"expected some of {', '.join(Scope.values)}",
            "sources": _problem(check_patterns, [sources]),
            "rate": _rate_problem(rate),
            "expiresAt": None if self.expires_at is None or _time(self.expires_at) else _NOT_A_TIME,
        }
        json_body.refuse_members({member: problem for member, problem in wrong.items() if problem})
        return KeyRights(name, list(self.scopes), sources, rate, (self.expires_at and _time(self.expires_at)) or None)


class KeyExpiry(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """When the key expires; null: never."""

    expires_at: Time | msgspec.UnsetType | None = msgspec.UNSET

    def checked(self) -> datetime | None:
        """Return when the key expires; None: never.

        :raises InvalidBody: there is no such member, or it is not a time
        """
        if self.expires_at is None:
            return None
        moment = None if self.expires_at is msgspec.UNSET else _time(self.expires_at)
        if moment is None:
            json_body.refuse_members({"expiresAt": _NOT_A_TIME})
        return moment


def _is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME and "\0" not in name


def _rate_problem(rate: str) -> str | None:
    if len(rate) > MAX_RATE:
        return f"expected at most {MAX_RATE} characters"
    return _problem(check_rate, [rate] if rate else [])


def _problem(check: Callable[[T], None], texts: Iterable[T]) -> str | None:
    try:
        for text in texts:
            check(text)
    except ValidationError as error:
        # Some messages repeat what was sent, in quotes.
        return error.messages[0].split('"')[0].strip()
    return None


def _time(text: str) -> datetime | None:
    """Return a time in UTC, which is also the default zone; None: the text is not a time."""
    try:
        found = parse_datetime(text)
        return found and (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
