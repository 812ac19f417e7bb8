"""Examples of requests and events that receivers refused, newest first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypedDict

from django.db.models import Count, Q, QuerySet

from ingestion import problems
from ingestion.auth.read_scope import ReadScope
from ingestion.models import Key, RefusedRequest
from ingestion.problems import Code
from ingestion.refusals import rows
from ingestion.refusals.beginning import SHOWN_BYTES
from queries.reads import postgres
from queries.request.query_params import Parameters
from queries.request.times import format_time

PARAMETERS = ("reason", "source")
LIMIT = 100
WAYS = {"http": "HTTP", "cloudevents": "CloudEvents", "influx": "line protocol", "grpc": "gRPC"}


class KeyName(TypedDict):
    """The key of a refused request."""

    prefix: str
    name: str | None  # None: the key is deleted
    id: int | None


class RefusedShape(TypedDict):
    """One refused request, or one rejected event."""

    at: str
    code: str
    meaning: str
    status: str
    detail: str  # the sentence that the sender got
    way: str
    path: str
    key: KeyName | None  # None: not known, or not for this reader
    sourceId: str | None
    bytes: int | None
    sent: str | None  # the beginning; None: the body was not read
    cut: bool  # there was more


class ReasonCount(TypedDict):
    """How many examples there are of a reason."""

    code: str
    meaning: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedQuery:
    """Which examples to read."""

    code: str | None = None
    source_id: str | None = None

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters.

        :raises InvalidParameter: a value can't be used
        """
        return cls(
            code=parameters.choice("reason", [each.value for each in Code]), source_id=parameters.source_id("source")
        )


def read(
    query: RefusedQuery, *, scope: ReadScope, now: datetime, with_keys: bool, limit: int = LIMIT
) -> list[RefusedShape]:
    """Return the newest examples. Those whose source is not known are for readers of all sources alone.

    :param with_keys: whether the reader may see the names of keys
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    found = _kept(scope.narrowed(query.source_id), now)
    if query.code is not None:
        found = found.filter(code=query.code)
    return _shapes(found, with_keys=with_keys, limit=limit)


def of_first_steps(
    source_id: str, *, since: datetime, scope: ReadScope, now: datetime, limit: int
) -> list[RefusedShape]:
    """Return what was refused of a source, of the keys for it alone, and of nobody's key, since a time.

    A reader of some sources gets those of the source.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    if not scope.whole:
        return _shapes(_kept(scope.narrowed(source_id), now).filter(at__gte=since), with_keys=False, limit=limit)
    own = Key.objects.filter(sources=[source_id]).values("prefix")
    wanted = Q(source_id=source_id) | Q(key__in=own) | Q(code=Code.UNAUTHENTICATED)
    return _shapes(_kept(scope, now).filter(wanted, at__gte=since), with_keys=False, limit=limit)


def reasons(*, scope: ReadScope, now: datetime) -> list[ReasonCount]:
    """Return the reasons of which there are examples in the scope, the most frequent first.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        counts = _kept(scope, now).values_list("code").annotate(count=Count("id")).order_by("-count", "code")
        return [{"code": code, "meaning": problems.in_words(code), "count": count} for code, count in counts]


def _kept(scope: ReadScope, now: datetime) -> QuerySet[RefusedRequest]:
    # Receivers delete old ones now and then; what should be gone is not shown.
    return RefusedRequest.objects.filter(**scope.lookup(), at__gte=now - rows.KEPT)


def _shapes(found: QuerySet[RefusedRequest], *, with_keys: bool, limit: int) -> list[RefusedShape]:
    with postgres.bounded():
        listed = list(found.order_by("-at")[:limit])
        names = _names({row.key for row in listed if row.key}) if with_keys else {}
    return [_shape(row, names if with_keys else None) for row in listed]


def _names(prefixes: Collection[str]) -> dict[str, tuple[int, str]]:
    listed = Key.objects.filter(prefix__in=prefixes).values_list("prefix", "pk", "name")
    return {prefix: (number, name) for prefix, number, name in listed}


def _shape(row: RefusedRequest, names: dict[str, tuple[int, str]] | None) -> RefusedShape:
    key: KeyName | None = None
    if names is not None and row.key:
        number, name = names.get(row.key, (None, None))
        key = {"prefix": row.key, "name": name, "id": number}
    return {
        "at": format_time(row.at),
        "code": row.code,
        "meaning": problems.in_words(row.code),
        "status": row.status,
        "detail": row.detail,
        "way": WAYS.get(row.way, row.way),
        "path": row.path,
        "key": key,
        "sourceId": row.source_id or None,
        "bytes": row.size,
        "sent": row.sent,
        "cut": row.sent is not None and row.size is not None and row.size > SHOWN_BYTES,
    }
