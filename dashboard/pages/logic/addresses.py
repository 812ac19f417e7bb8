"""The addresses of pages of logic."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.http import Http404
from django.urls import reverse
from django.utils.http import urlencode

MAX_NUMBER = 2**31 - 1  # PostgreSQL's integer
# A name of printable characters may be a path of its own, or `new`, the page that makes one; such ones stand behind the `?`.
_PLAIN = re.compile(r"(?!new$)\w(?:[\w +:@,~.-]*[\w])?")


def rule(name: str, revision: int | None = None) -> str:
    """Return the address of a rule's page.

    :param revision: whose rule; None: that of the current one
    """
    return _named("rule", name, {} if revision is None else {"revision": revision})


def schema(name: str, version: int | None = None) -> str:
    """Return the address of a schema's page.

    :param version: None: the newest
    """
    return _named("schema", name, {} if version is None else {"version": version})


def table(name: str, version: int | None = None) -> str:
    """Return the address of a lookup table's page.

    :param version: None: the newest
    """
    return _named("table", name, {} if version is None else {"version": version})


def revision(number: int) -> str:
    """Return the address of a revision's page; 0: no logic."""
    return reverse("logic-revision", args=[number])


def job(number: int) -> str:
    """Return the address of a job's page."""
    return reverse("job", args=[number])


def number(text: str) -> int | None:
    """Return a number in an address or a form; None: it is none that a row can have."""
    found = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else MAX_NUMBER + 1
    return found if found <= MAX_NUMBER else None


def asked(given: Mapping[str, str], name: str) -> int | None:
    """Return a number that an address has as a parameter; None: it has none.

    :raises Http404: it is no number that a row can have
    """
    if not given.get(name):
        return None
    found = number(given[name])
    if found is None:
        raise Http404(f"{name}: expected a whole number from 0 to {MAX_NUMBER}")
    return found


def with_query(path: str, query: Mapping[str, str | int]) -> str:
    """Return an address with a query string, if there is anything in it."""
    return f"{path}?{urlencode(query)}" if query else path


def _named(kind: str, name: str, query: Mapping[str, str | int]) -> str:
    if _PLAIN.fullmatch(name) and not name.endswith(".json"):
        return with_query(reverse(f"logic-{kind}", args=[name]), query)
    return with_query(reverse(f"logic-{kind}-new"), {"name": name, **query})
