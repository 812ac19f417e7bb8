"""The schema `read`: what people and tools read by SQL (docs/sql.md), and which sources each of their roles may see.

Each view shows rows of the sources that `reader_source` names for the role that signed in, and no rows to other roles. The
condition is a part of the views and not a policy of row level security: such a policy does not hold for the owner of a
table nor for a superuser, and a view reads with its owner's rights. It would also end without a sign where a restore gives
the views to another owner.

All views are barriers: a condition of a query runs on rows that the reader may see, unless its operators are leakproof, as
comparisons of two texts, times, days, ids or numbers are. Those reach the indexes and select partitions.

Everybody may read the views, so that a backup names no reader's role: `pg_restore` would fail where there is none. For the
same reason tables that are created later, such as next month's partition, need no grant.
"""

from __future__ import annotations

from django.db import migrations, models

LARGEST = "1.7976931348623157e308"  # processing.events.rollups.LARGEST; sums that are larger are stored as it

# By name and number, as another role may have the name after a restore. `session_user` is who signed in; no SET ROLE changes
# it, nor a function that runs with the rights of its owner.
_MINE = "r.role = session_user AND r.role_oid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user)"
_SCOPE = f"""
CREATE VIEW reader_scope AS
SELECT
    EXISTS (SELECT FROM reader_source AS r WHERE {_MINE} AND r.pattern = '*') AS everything,
    ARRAY(
        SELECT r.pattern FROM reader_source AS r WHERE {_MINE}
        UNION ALL
        -- The range is by bytes, as the index for LIKE on a text that is a primary key; ids have no character beyond "z".
        SELECT s.source_id FROM reader_source AS r JOIN source_statistics AS s
            ON s.source_id ~>=~ left(r.pattern, -1) AND s.source_id ~<~ (left(r.pattern, -1) || '~')
        WHERE {_MINE} AND right(r.pattern, 1) = '*'
    ) AS sources
"""  # noqa: S608 - constants only
_EVERYTHING = "(SELECT everything FROM reader_scope)"
# Casts, since ANY of a query compares with its rows.
_SOURCES = "((SELECT sources FROM reader_scope)::text[])"


def _visible(table: str, columns: str) -> str:
    """Return the SQL of the rows of a table that the reader may see.

    Two queries, of which one does nothing: so each has a plan of its own, and that of a reader of some sources finds them by
    the index, where a condition with OR would read the rows of all others too.
    """
    return f"""(
        SELECT {columns} FROM {table} WHERE {_EVERYTHING}
        UNION ALL
        SELECT {columns} FROM {table} WHERE NOT {_EVERYTHING} AND source_id = ANY ({_SOURCES})
    )"""  # noqa: S608 - constants only


_VALUES = ("count", "sum", "min", "max", "first", "first_ts", "first_id", "last", "last_ts", "last_id")
# As processing.stores.packed.rollups has them.
_SAME_AS = {
    **dict.fromkeys(("sum", "min", "max", "last"), "first"),
    "last_ts": "first_ts",
    "last_id": "first_id",
}
_EARLIER = "(l.first_ts < p.first_ts OR (l.first_ts = p.first_ts AND l.first_id > p.first_id))"
_LATER = "((l.last_ts, l.last_id) > (p.last_ts, p.last_id))"
_ADDED_UP = {
    "count": "p.count + l.count",
    "sum": f"CASE WHEN abs(p.sum / 2 + l.sum / 2) < {LARGEST}::float8 / 2 THEN p.sum + l.sum"
    f" ELSE sign(p.sum) * {LARGEST}::float8 END",
    "min": "least(p.min, l.min)",
    "max": "greatest(p.max, l.max)",
    **{name: f"CASE WHEN {_EARLIER} THEN l.{name} ELSE p.{name} END" for name in ("first", "first_ts")},
    **{name: f"CASE WHEN {_LATER} THEN l.{name} ELSE p.{name} END" for name in ("last", "last_ts")},
}
_SHOWN = tuple(_ADDED_UP)


def _rollups(loose: str, width: str, slot: str) -> str:
    """Return the SQL of rollups: packed rows with what came late for them, and loose rows beside them."""
    packed = f"""
        SELECT p.source_id, p.field, p.day, (p.day + u.slot * interval '{width}') AT TIME ZONE 'UTC' AS start,
            coalesce(u.count, 1) AS count,
            {", ".join(f"coalesce(u.{name}, u.{_SAME_AS[name]}) AS {name}" if name in _SAME_AS else f"u.{name}" for name in _VALUES[1:])}
        FROM {_visible(f"{loose}_packed", f"source_id, field, day, slot, {', '.join(_VALUES)}")} AS p
        CROSS JOIN LATERAL unnest(p.slot, {", ".join(f"p.{name}" for name in _VALUES)})
            AS u (slot, {", ".join(_VALUES)})
    """  # noqa: S608 - constants only
    day = "(l.start AT TIME ZONE 'UTC')::date"
    return f"""
        SELECT source_id, field, day, start, count,
            CASE WHEN abs(sum) < {LARGEST}::float8 THEN sum END AS sum,
            CASE WHEN abs(sum) < {LARGEST}::float8 THEN sum / count END AS avg,
            min, max, first, last, first_ts, last_ts
        FROM (
            SELECT p.source_id, p.field, p.day, p.start,
                {", ".join(f"CASE WHEN l.count IS NULL THEN p.{name} ELSE {_ADDED_UP[name]} END AS {name}" for name in _SHOWN)}
            FROM ({packed}) AS p LEFT JOIN {loose} AS l
                ON l.source_id = p.source_id AND l.field = p.field AND l.start = p.start
            UNION ALL
            SELECT l.source_id, l.field, {day}, l.start, {", ".join(f"l.{name}" for name in _SHOWN)}
            FROM {_visible(loose, f"source_id, field, start, {', '.join(_SHOWN)}")} AS l
            WHERE NOT EXISTS (
                SELECT FROM {loose}_packed AS p WHERE p.source_id = l.source_id AND p.field = l.field
                    AND p.day = {day} AND {slot} = ANY (p.slot))
        ) AS r
    """  # noqa: S608 - constants only


_HOUR = "extract(hour FROM l.start AT TIME ZONE 'UTC')"
_COUNTS = "read, stored, duplicate, dead_lettered, dropped"
_LETTER = (
    "id, reason, detail, pointer, stage, source_id, event_id, topic_id, partition, \"offset\", line, raw, received,"
    " first_seen, last_seen, attempts, fingerprint, root_id, redrives, state, sent_at, closed_at"
)
_VIEWS = {
    "events": f"""
        SELECT source_id, ts, id AS event_id, received AS received_at, stored AS stored_at, payload,
            coalesce(tags, '{{}}') AS tags
        FROM {_visible("events", "source_id, ts, id, received, stored, payload, tags")} AS e
    """,
    "minutes": _rollups(
        "rollup_minute", "1 minute", f"({_HOUR} * 60 + extract(minute FROM l.start AT TIME ZONE 'UTC'))::smallint"
    ),
    "hours": _rollups("rollup_hour", "1 hour", f"{_HOUR}::smallint"),
    "latest": f"""
        SELECT source_id, field, value, ts, event_id
        FROM {_visible("latest_value", "source_id, field, value, ts, event_id")} AS v
    """,
    "sources": f"""
        SELECT s.source_id::text AS source_id, s.first_seen, s.last_seen, s.latest_event,
            {", ".join(f"s.{name}" for name in _COUNTS.split(", "))}, s.fields_capped, s.rollups_cut_at,
            coalesce(r.enabled, true) AS enabled, coalesce(r.labels, '{{}}') AS labels
        FROM {_visible("source_statistics", f"source_id, first_seen, last_seen, latest_event, {_COUNTS}, fields_capped, rollups_cut_at")} AS s
        LEFT JOIN source AS r ON r.source_id = s.source_id
        WHERE s.source_id <> ''
    """,
    "ledger": f"""
        SELECT source_id, minute AS start, seconds, partition, {_COUNTS}
        FROM {_visible("ledger", f"source_id, minute, seconds, partition, {_COUNTS}")} AS l
    """,
    "dead_letters": f"""
        SELECT d.id, d.source_id::text AS source_id, d.event_id, d.reason::text AS reason, d.detail, d.pointer,
            d.stage::text AS stage, d.state::text AS state, d.attempts, d.redrives, d.fingerprint::text AS fingerprint,
            -- Another source's letter may be the first of the chain.
            CASE WHEN {_EVERYTHING} OR r.source_id = ANY ({_SOURCES}) THEN r.id END AS root, octet_length(d.raw) AS size, t.name::text AS topic, d.partition, d."offset" AS kafka_offset,
            d.line, d.received AS received_at, d.first_seen, d.last_seen, d.sent_at, d.closed_at
        FROM {_visible("dead_letter", _LETTER)} AS d
        JOIN topic AS t ON t.id = d.topic_id
        LEFT JOIN dead_letter AS r ON r.id = d.root_id
    """,
}  # noqa: S608 - constants only

_SOURCE = "The source's id."
_UNREADABLE = "The source's id; empty for lines whose source can't be read, which readers of all sources see."
_FIELD = 'The path of a numeric field in the payload, with dots between its keys; a dot in a key is written "\\.".'
_ROLLUP = {
    "source_id": _SOURCE,
    "field": _FIELD,
    "day": "The UTC day of start. A condition on it finds rows by their key, which one on start alone does not.",
    "start": "The beginning of the span.",
    "count": "How many events had the field.",
    "sum": "NULL if it exceeds the largest double.",
    "avg": "sum / count",
    "min": "The smallest value.",
    "max": "The largest value.",
    "first": "The value of the earliest event.",
    "last": "The value of the latest event.",
    "first_ts": "The event time of first.",
    "last_ts": "The event time of last.",
}
_ACCOUNT = {
    "read": "Events read from Kafka: the sum of the four that follow.",
    "stored": "Events that were stored.",
    "duplicate": "Events that had been stored before.",
    "dead_lettered": "Events that became dead letters.",
    "dropped": "Events that a rule dropped.",
}
_COMMENTS: dict[str, tuple[str, dict[str, str]]] = {
    "events": (
        "The stored events. Name a range of ts: it selects months, and without one an ORDER BY reads all of them.",
        {
            "source_id": _SOURCE,
            "ts": "The event's time, by the sender's clock.",
            "event_id": "The event's id, unique within its source.",
            "received_at": "When a receiver accepted it.",
            "stored_at": "When it was stored, by PostgreSQL's clock.",
            "payload": "What the source sent.",
            "tags": "The event's tags.",
        },
    ),
    "minutes": ("Numeric fields by minute of event time.", _ROLLUP),
    "hours": ("Numeric fields by hour of event time.", _ROLLUP),
    "latest": (
        "The latest value of each numeric field of each source, by event time.",
        {
            "source_id": _SOURCE,
            "field": _FIELD,
            "value": "The value.",
            "ts": "The time of its event.",
            "event_id": "Its event.",
        },
    ),
    "sources": (
        "The sources that were heard of, with their totals.",
        {
            "source_id": _SOURCE,
            "first_seen": "When its first event was received.",
            "last_seen": "When its last event was received.",
            "latest_event": "The newest event time that is stored.",
            **_ACCOUNT,
            "fields_capped": "Whether some of its fields are stored but not in minutes, hours and latest.",
            "rollups_cut_at": "When its last events were stored but left out of minutes, hours and latest.",
            "enabled": "Whether receivers take its events.",
            "labels": "Its labels.",
        },
    ),
    "ledger": (
        "What became of the events that were read, by time of receipt: minutes, which after two days are added up to hours."
        " Add rows up: there is one for each partition, and a minute read late stands beside its hour.",
        {
            "source_id": _UNREADABLE,
            "start": "The beginning of the minute or hour.",
            "seconds": "60 or 3600.",
            "partition": "The partition of the topic.",
            **_ACCOUNT,
        },
    ),
    "dead_letters": (
        "The lines that could not be stored, without their bytes.",
        {
            "id": "The letter's number.",
            "source_id": _UNREADABLE,
            "event_id": "The event's id, where it can be read.",
            "reason": "The problem's code.",
            "detail": "What is wrong.",
            "pointer": "Where in the event, as a JSON pointer.",
            "stage": "Where it failed: decode, identity, process, documents or rows.",
            "state": "open, sent, stored, parked or discarded.",
            "attempts": "How often the event failed.",
            "redrives": "How many redrives of its chain failed.",
            "fingerprint": "Similar letters share it.",
            "root": "The first letter of the event; NULL if this is the first.",
            "size": "How many bytes it has.",
            "topic": "The topic it was read from.",
            "partition": "The partition of the topic.",
            "kafka_offset": "The offset of its record.",
            "line": "The line within the record, from 0.",
            "received_at": "When a receiver accepted it.",
            "first_seen": "When it failed first.",
            "last_seen": "When it failed last.",
            "sent_at": "When it was redriven last.",
            "closed_at": "When it was stored or discarded.",
        },
    ),
}


def _create() -> str:
    """Return the statements that create the schema with its views and their comments."""
    views = [f"CREATE VIEW read.{name} WITH (security_barrier) AS {query}" for name, query in _VIEWS.items()]
    comments = [
        statement
        for name, (meaning, columns) in _COMMENTS.items()
        for statement in (
            f"COMMENT ON VIEW read.{name} IS {_quoted(meaning)}",
            *(f"COMMENT ON COLUMN read.{name}.{column} IS {_quoted(text)}" for column, text in columns.items()),
        )
    ]
    grants = ["GRANT USAGE ON SCHEMA read TO PUBLIC", "GRANT SELECT ON ALL TABLES IN SCHEMA read TO PUBLIC"]
    schema = ["CREATE SCHEMA read", "COMMENT ON SCHEMA read IS 'What readers by SQL may see.'"]
    return ";".join((_SCOPE, *schema, *views, *comments, *grants))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_DROP = ";".join((*(f"DROP VIEW read.{name}" for name in _VIEWS), "DROP SCHEMA read", "DROP VIEW reader_scope"))


class Migration(migrations.Migration):
    # `source` is of `ingestion`.
    dependencies = [("processing", "0011_field_value"), ("ingestion", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="ReaderSource",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "role_oid", "pattern", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("role_oid", models.BigIntegerField()),
                ("role", models.TextField()),
                ("pattern", models.TextField()),
            ],
            options={"db_table": "reader_source"},
        ),
        migrations.RunSQL(_create(), reverse_sql=_DROP),
    ]
