"""Two tenants on one site, each with a trace in every place that a reader can look at.

Everything of the second has one of `CANARIES` in it: its texts have the word, its numbers the digits. Totals over both
tenants have the digits, too, since the numbers of the first are small.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
import zlib
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import msgspec
import redis
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from dashboard.tests.conftest import UNGUARDED
from deploy.testing.deployment import Deployment
from ingestion.acceptance import heartbeat, rejection_counts
from ingestion.acceptance.heartbeat import ProcessStatus
from ingestion.auth import api_keys
from ingestion.kafka import record_encoder
from ingestion.kafka.record_headers import TRACE
from ingestion.models import RefusedRequest, Source
from processing.kafka import end_offsets
from processing.logic.tables.lookup_table import LookupTable
from processing.models import (
    DeadLetter,
    DeadLetterAction,
    Event,
    Hold,
    Incident,
    Job,
    LatestValue,
    LedgerGap,
    LedgerMinute,
    LogicActivation,
    LogicRevision,
    LookupTableVersion,
    RollupHour,
    RollupMinute,
    SchemaVersion,
    SourceStatistics,
    Topic,
)
from processing.stores.packed import ledger, packing
from processing.stores.packed.rollups import BOTH
from processing.tests import factories
from queries.tests import stored

OWN, SECOND_OWN, OTHERS = "alpha-1", "alpha-2", "bravo-1"
OWN_WORD = "alpha"
NUMBER = 7_770_100  # the least number of the other tenant
CANARIES = re.compile(r"bravo|7,?770,?1\d\d\b|bbbbbbbb-?7770", re.IGNORECASE)

OWN_EVENT = UUID("aaaaaaaa-0000-4000-8000-000000000001")
OTHERS_EVENT = UUID("bbbbbbbb-7770-4000-8000-000000000001")
SHARED_EVENT = UUID("cccccccc-0000-4000-8000-000000000001")  # an id that both have used
WAITING_EVENT = UUID("aaaaaaaa-0000-4000-8000-000000000002")  # own, in a record with an event of the other
OTHERS_WAITING = UUID("bbbbbbbb-7770-4000-8000-000000000002")
OWN_LETTER, MOVED_HERE, OTHERS_LETTER, MOVED_AWAY = 11, 12, NUMBER + 11, NUMBER + 12
OTHERS_JOB = NUMBER + 13
OTHERS_PART = "bravo-part"  # a schema, and a lookup table
OTHERS_TRACE = "00-bbbbbbbb777040008000000000000001-b7ad6b7169203331-01"

_LONG = timedelta(days=3)  # ago: what is packed
_SEGMENT = re.compile(r"[A-Za-z0-9+/_-]{12,}")


def leaks(text: str) -> list[str]:
    """Return what a text shows of the other tenant, also where it is encoded as base64, as in cursors."""
    found = CANARIES.findall(text)
    for segment in set(_SEGMENT.findall(text)):
        found += _encoded(segment)
    return found


@cache
def _encoded(segment: str) -> tuple[str, ...]:
    """Return the words of the other tenant in what a segment encodes. Most segments are in hundreds of answers."""
    found: list[str] = []
    for alphabet in (b"-_", b"+/"):
        try:
            plain = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=alphabet)
        except (binascii.Error, ValueError):
            continue
        for text in (plain, _unpacked(plain)):
            found += re.findall("bravo", text.decode(errors="ignore"))
    return tuple(found)


def _unpacked(plain: bytes) -> bytes:
    """Return what bytes hold that were compressed, as long cursors are."""
    try:
        return zlib.decompress(plain)
    except zlib.error:
        return b""


@cache
def _now() -> datetime:
    """Return the time of what is new, the same for all that is stored."""
    return datetime.now(tz=UTC)


def fill(site: Deployment) -> None:
    """Store the data of both tenants."""
    _now.cache_clear()
    topic = Topic.objects.create(kafka_id=_topic_id(), name=site.raw_topic)
    for source, few in ((OWN, 3), (SECOND_OWN, 2), (OTHERS, NUMBER)):
        _source(topic, source, few)
    _pack()
    for source in (OWN, OTHERS):
        _event(topic, source, SHARED_EVENT, few=1)
    _event(topic, OWN, OWN_EVENT, few=1)
    _event(topic, OTHERS, OTHERS_EVENT, few=NUMBER)
    _letters(topic)
    _operations(topic)
    _logic()
    api_keys.create("bravo", ["ingest"], sources=[OTHERS])
    _receivers()
    _refusals()
    _waiting(site)


def _topic_id() -> UUID:
    ends = None
    while ends is None:
        ends = end_offsets.raw_data_offsets()
    return ends.topic


def _source(topic: Topic, source: str, few: int) -> None:
    word = source.partition("-")[0]
    Source.objects.create(source_id=source, labels={"place": f"{word}-hall"})
    SourceStatistics.objects.create(
        source_id=source, first_seen=_now(), last_seen=_now(), latest_event=_now(), read=few, stored=few
    )
    LatestValue.objects.create(source_id=source, field=f"{word}.power", value=few, ts=_now(), event_id=uuid4())
    hour = _now().replace(second=0, microsecond=0, minute=0)
    # Of the hour of the events, too: without a range, aggregates are of the time in which there are events.
    for model, start in itertools.product(
        (RollupMinute.objects, RollupHour.objects), (hour, hour - _LONG, stored.NOON)
    ):
        model.create(
            source_id=source, field=f"{word}.power", start=start, count=few, sum=few, min=few, max=few, first=few,
            first_ts=_now(), first_id=uuid4(), last=few, last_ts=_now(), last_id=uuid4(),
        )  # fmt: skip
    for minute in (_now().replace(second=0, microsecond=0) - timedelta(minutes=1), hour - _LONG):
        LedgerMinute.objects.create(source_id=source, minute=minute, partition=0, read=few, stored=few)


def _pack() -> None:
    """Bring what is long past into the form that old numbers have."""
    before = _now() - _LONG / 2
    with transaction.atomic(), connection.cursor() as cursor:
        for rollups in BOTH:
            packing.pack(cursor, rollups, after=None, before=before, limit=1_000)
        ledger.fold(cursor, after=None, before=before, limit=1_000)


def _event(topic: Topic, source: str, event_id: UUID, *, few: int) -> None:
    word = source.partition("-")[0]
    event = Event.objects.create(
        id=event_id, source_id=source, ts=stored.NOON, received=stored.NOON, stored=_now(),
        payload={"word": word, "power": few}, topic=topic, partition=0, offset=few - NUMBER, line=0, content_hash=few,
    )  # fmt: skip
    stored.store_document(event)


def _letters(topic: Topic) -> None:
    def letter(number: int, source: str, **more: Any) -> None:
        word = source.partition("-")[0]
        raw = json.dumps({"sourceId": source, "payload": {"word": word}}).encode()
        DeadLetter.objects.create(
            id=number, topic=topic, partition=0, offset=-number, line=0, raw=raw, reason="missing_field",
            detail=f"/{word}", pointer=f"/{word}", stage="decode", source_id=source, received=_now(), first_seen=_now(),
            last_seen=_now(), fingerprint=word * 5,
            **{"event_id": OWN_EVENT if source == OWN else OTHERS_EVENT, **more},
        )  # fmt: skip

    # An operator moved the event of each letter to the other tenant, where it failed again.
    letter(OWN_LETTER, OWN, edited=factories.line(1, b'{"word":"bravo"}', source=OTHERS), state="sent", sent_at=_now())
    letter(OTHERS_LETTER, OTHERS, edited=factories.line(2, source=OWN), state="sent", sent_at=_now())
    letter(MOVED_AWAY, OTHERS, root_id=OWN_LETTER, redrives=1)
    letter(MOVED_HERE, OWN, root_id=OTHERS_LETTER, redrives=1)
    DeadLetterAction.objects.create(
        letter_id=OWN_LETTER, at=_now(), who="consumer", kind="failed", note=f"missing_field: letter {MOVED_AWAY}"
    )
    for number in range(20, 24):
        letter(NUMBER + number, OTHERS)


def _operations(topic: Topic) -> None:
    Job.objects.create(
        id=OTHERS_JOB, kind="discard", who="bravo", arguments={"filter": {"source_id": OTHERS}}, total=NUMBER,
        created_at=_now(), message="bravo", state="done",
    )  # fmt: skip
    Incident.objects.create(kind="crash", subject=OTHERS, detail="bravo crashed it", since=_now(), last_seen=_now())
    Hold.objects.create(topic=topic, partition=1, since=_now(), reason="too many dead letters of bravo-1")
    LedgerGap.objects.create(
        topic=topic, partition=2, first_offset=0, next_offset=NUMBER, cause="removed", noticed_at=timezone.now()
    )


def _logic() -> None:
    """Store logic that names the other tenant; operators of both alone may see it."""
    rule = {"name": "bravo", "sources": [OTHERS], "actions": ["tag bravo"]}
    for number, rules in ((OTHERS_LETTER, [rule]), (OTHERS_LETTER + 1, [{**rule, "enabled": False}])):
        LogicRevision.objects.create(
            number=number, content={"rules": rules}, created_at=_now(), created_by="bravo", reason="bravo"
        )
    LogicActivation.objects.create(revision=OTHERS_LETTER + 1, at=_now(), who="bravo")
    SchemaVersion.objects.create(
        name=OTHERS_PART, version=1, document={"title": "bravo"}, created_at=_now(), created_by="bravo"
    )
    table = LookupTable.from_csv(b"id,name\nbravo,bravo\n", key="id")
    LookupTableVersion.objects.create(
        name=OTHERS_PART, version=1, key="id", columns=[{"name": "id", "type": "text"}, {"name": "name", "type": "text"}],
        rows=1, data=table.dump(), created_at=_now(), created_by="bravo",
    )  # fmt: skip


def _receivers() -> None:
    status = ProcessStatus("bravo-host", "ingest", 0, 1.0, NUMBER, {"not_json": NUMBER}, NUMBER, NUMBER, UNGUARDED)
    minute = int(_now().timestamp()) // 60 * 60
    with redis.Redis.from_url(f"redis://{settings.REDIS_ADDR}") as client:
        client.set(heartbeat.key("bravo-host"), msgspec.json.encode(status), ex=600)
        client.sadd(heartbeat.RECEIVERS, "bravo-host")
        client.hset(rejection_counts.key(minute), f"{minute} not_json bravo-host", NUMBER)


def _refusals() -> None:
    """Store what receivers refused of each tenant, and of the other one in a request whose source is not known."""
    for source, word, few in ((OWN, OWN_WORD, 3), (OTHERS, "bravo", NUMBER), ("", "bravo", NUMBER)):
        RefusedRequest.objects.create(
            id=uuid4(), at=_now(), code="not_json", status="400", detail=f"of {word}", way="http", path=f"/{word}",
            key="", source_id=source, size=few, sent=f"{{{word}",
        )  # fmt: skip


def _waiting(site: Deployment) -> None:
    """Put a record into Kafka that holds events of both, and that no consumer reads."""
    now = int(_now().timestamp() * 1_000_000)
    lines = [
        b'{"id":"%b","source":"%b","ts":%d,"received":%d,"payload":{}}' % (str(id_).encode(), source.encode(), now, now)
        for id_, source in ((WAITING_EVENT, OWN), (OTHERS_WAITING, OTHERS))
    ]
    headers = [*record_encoder.headers(count=2), (TRACE, OTHERS_TRACE.encode())]
    factories.put(site.raw_topic, *lines, partition=3, headers=headers)
