"""The source that docs/sql.md and docs/grafana.md ask for, and what tools put for their macros."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from deploy.testing.deployment import Deployment
from ingestion.events.timestamps import EPOCH
from processing.models import DeadLetter, LedgerMinute
from processing.stores import month_partitions, postgres
from queries.tests.services.sql_readers import readers
from queries.tests.stored import account, make_event, roll_up, store, topic

SOURCE = "weather-berlin"
TEMPERATURE = 31.5
# The range of a dashboard.
TO = datetime.now(tz=UTC).replace(microsecond=0)
FROM = TO - timedelta(hours=6)
# As Grafana and Metabase write them: https://grafana.com/docs/grafana/latest/datasources/postgres/ and
# https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/
_FROM, _TO = (f"'{moment:%Y-%m-%dT%H:%M:%SZ}'" for moment in (FROM, TO))
_MACROS = {
    r"\$\{__from:date:iso\}": f"{FROM:%Y-%m-%dT%H:%M:%S.000Z}",
    r"\$\{__to:date:iso\}": f"{TO:%Y-%m-%dT%H:%M:%S.000Z}",
    r"\$\{__from\}": f"{FROM.timestamp() * 1000:.0f}",
    r"\$\{__to\}": f"{TO.timestamp() * 1000:.0f}",
    r"\$__timeFrom\(\)": _FROM,
    r"\$__timeTo\(\)": _TO,
    r"\$__timeFilter\((\w+)\)": rf"\1 BETWEEN {_FROM} AND {_TO}",
    r"\$__timeGroupAlias\((\w+), ?\$__interval\)": r'floor(extract(epoch from \1)/60)*60 AS "time"',
    r"\[\[AND \{\{range\}\}\]\]": rf""" AND "read"."events"."ts" >= timestamp with time zone '{FROM:%Y-%m-%d %H:%M:%S.000Z}'""",
}


def filled_in(text: str) -> str:
    """Return a request or a statement with values in place of its macros."""
    for macro, value in _MACROS.items():
        text = re.sub(macro, value, text)
    assert not re.search(r"\$|\{\{", text)
    return text


def reader(site: Deployment) -> str:
    """Store a reading each ten minutes of the range, with all that belongs to it; return the address of a reader by SQL."""
    with postgres.connect() as connection:
        month_partitions.ensure(connection, month_partitions.months((moment - EPOCH).days for moment in (FROM, TO)))
    moments = [FROM + number * timedelta(minutes=10) for number in range(1, 36)]
    payload = {"station": "Tegel", "temperature": TEMPERATURE}
    # The first and the last are stored with the rollups.
    store(*(make_event(SOURCE, ts=moment, payload=payload) for moment in moments[1:-1]))
    roll_up(SOURCE, "temperature", [(moment, TEMPERATURE) for moment in moments])
    _account_for(moments)
    return readers.create(readers.name_of(site, "weather"))


def _account_for(moments: list[datetime]) -> None:
    """Count the readings, and a line that could not be stored; nothing was received for two hours."""
    counts = {"read": len(moments) + 1, "stored": len(moments), "dead_lettered": 1}
    account(SOURCE, last_seen=TO - timedelta(hours=2), **counts)
    LedgerMinute.objects.create(source_id=SOURCE, minute=moments[0].replace(second=0), partition=0, **counts)
    DeadLetter.objects.create(
        topic=topic(), partition=0, offset=1, line=0, raw=b"x", reason="not_json", detail="", stage="decode",
        source_id=SOURCE, received=TO, first_seen=TO, last_seen=TO, fingerprint="f",
    )  # fmt: skip
