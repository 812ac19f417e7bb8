"""Documents that MongoDB lost come back from Kafka, or from their rows."""

from __future__ import annotations

import json
from contextlib import nullcontext
from io import StringIO

import pytest
from django.core.management import call_command

from deploy.testing.deployment import Deployment
from ingestion.tests.client import call
from processing.stores.mongodb import documents
from processing.tests import expectations
from processing.tests.kill_rounds import KillRounds, consume_the_rest, send_round

pytestmark = pytest.mark.services


def rebuild(*arguments: str, code: int = 0) -> dict[str, int]:
    out = StringIO()
    with pytest.raises(SystemExit) if code else nullcontext() as ended:
        call_command("rebuild_documents", "--json", *arguments, stdout=out)
    assert ended is None or ended.value.code == code
    found: dict[str, int] = json.loads(out.getvalue())
    return found


def test_lost_documents_come_back_from_kafka_or_their_rows(site: Deployment) -> None:
    rounds = KillRounds(site, site.start_ingest().url)
    untimed = {"specversion": "1.0", "id": "A", "source": "untimed", "type": "t", "data": {"level": 1}}
    send_round(rounds)
    kind = {"Content-Type": "application/cloudevents+json"}
    assert call(rounds.url, "POST", "/ingest", json.dumps(untimed).encode(), kind).status == 202
    consume_the_rest(rounds)
    kept = expectations.documents(site)
    collection = documents.database()["events"]

    collection.drop()
    tried = rebuild("--dry-run")
    found = rebuild()
    again = rebuild()

    assert tried == found == {"ok": True, "missing": 301, "from_kafka": 301, "from_rows": 0, "left": 0}
    assert again["missing"] == 0
    assert expectations.documents(site) == kept
    assert expectations.differences() == []

    [partition, end] = max(expectations.progress(site).items(), key=lambda item: item[1])
    site.remove_raw_records(before={partition: end})
    collection.drop()
    found = rebuild(code=1)
    rest = rebuild("--from-rows")

    assert 0 < found["left"] < 301
    assert rest == {"ok": True, "missing": found["left"], "from_kafka": 0, "from_rows": found["left"], "left": 0}
    assert expectations.documents(site) == kept
    assert expectations.differences() == []
