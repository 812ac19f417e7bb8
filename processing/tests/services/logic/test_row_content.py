"""reconcile proves that each row has what its revision of logic makes of its document."""

from __future__ import annotations

import pytest
from django.db import connection

from deploy.testing.deployment import Deployment
from processing.models import Event
from processing.recovery.reconcile import reconcile, report_text
from processing.stores.mongodb import documents
from processing.tests import expectations, factories, logic_revisions
from processing.tests.consumer_thread import running_loop
from processing.tests.logic_revisions import rule
from processing.tests.undoing import undone

pytestmark = pytest.mark.services

TIME = "2026-03-01T12:00:00Z"
SENT: dict[str, dict[str, object]] = {
    "changed": {"level": 5, "unit": "cm"},
    "tagged": {"level": 50},
    "plain": {"level": 7},
}
NUMBERS: list[dict[str, object]] = [
    {"a": 1, "b": -0.0, "c": 1e22, "d": 1.50, "e": 12345678901234567, "unit": "cm"},
    {"f": 1e300, "unit": "cm"},
]


@pytest.fixture(name="judged", scope="module")
def _judged(module_site: Deployment) -> Deployment:
    """Rows of which rules changed one, tagged one and left one as it was; then another revision."""
    logic_revisions.use(
        rule("unit", 'set where = "north"', "remove unit", when="exists(unit)"),
        rule("high", "tag high", when="level > 40"),
    )
    sent = [*SENT.items(), *(("numbers", payload) for payload in NUMBERS)]
    events = [{"sourceId": source, "timestamp": TIME, "payload": payload} for source, payload in sent]
    factories.put_events(module_site.raw_topic, *events)
    with running_loop():
        module_site.wait_for(lambda: expectations.caught_up(module_site))
    logic_revisions.use(rule("low", "tag low"))
    return module_site


# By statement: the sources of the rows that it changes.
CHANGES = {
    """UPDATE events SET payload = '{"level": 5, "where": "south"}' WHERE source_id = 'changed'""": {"changed"},
    """UPDATE events SET payload = '{"level": 5, "unit": "cm"}' WHERE source_id = 'changed'""": {"changed"},
    """UPDATE events SET payload = '{"level": 5, "unit": "cm"}', payload_changed = NULL WHERE source_id = 'changed'""": {
        "changed"
    },
    "UPDATE events SET payload_changed = NULL WHERE source_id = 'changed'": {"changed"},
    "UPDATE events SET payload_changed = true WHERE source_id = 'plain'": {"plain"},
    "UPDATE events SET tags = NULL WHERE source_id = 'tagged'": {"tagged"},
    "UPDATE events SET tags = '{high,more}' WHERE source_id = 'tagged'": {"tagged"},
    "UPDATE events SET tags = '{high}' WHERE source_id IN ('plain', 'changed')": {"plain", "changed"},
    "UPDATE events SET revision = NULL WHERE source_id <> 'numbers'": {"changed", "tagged"},
    "UPDATE events SET revision = revision + 1 WHERE source_id <> 'numbers'": {"changed", "tagged", "plain"},
}


@pytest.mark.usefixtures("judged")
def test_what_logic_made_agrees_however_numbers_are_spelled() -> None:
    report = reconcile.run()

    assert report.ok, report_text.render(report)
    assert Event.objects.filter(source_id="numbers", payload_changed=True).count() == len(NUMBERS)


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize("statement", list(CHANGES))
def test_a_row_that_logic_does_not_make_is_named(statement: str) -> None:
    with undone():
        with connection.cursor() as cursor:
            cursor.execute(statement)

        report = reconcile.run()

    assert set(report.kinds) == {"row_changed"}
    assert {difference["sourceId"] for difference in report.differences} == CHANGES[statement]


@pytest.mark.usefixtures("judged")
def test_a_changed_row_without_its_document_is_not_said_to_be_wrong() -> None:
    key = documents.database()["events"].find_one({"source": "changed"})
    assert key is not None
    documents.database()["events"].delete_one({"_id": key["_id"]})
    try:
        report = reconcile.run()
    finally:
        documents.database()["events"].insert_one(key)

    assert set(report.kinds) == {"row_without_document"}
