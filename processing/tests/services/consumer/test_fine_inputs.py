"""What only looks wrong is kept in both stores as it was sent."""

from __future__ import annotations

import json

import pytest

from deploy.testing.deployment import Deployment
from ingestion.tests.bad_inputs import FINE
from ingestion.tests.conftest import open_receiver
from ingestion.tests.services.receivers.test_bad_inputs import exchange, status
from processing.stores.packed.rollups import HOURS
from processing.tests import expectations, factories, reference_rollups
from processing.tests.factories import line, make_sent

pytestmark = pytest.mark.services


def test_odd_but_right_events_are_read_back_equal_from_both_stores(site: Deployment) -> None:
    receiver = open_receiver(site)
    site.start_consumer()

    replies = [exchange(receiver.url, wire) for _, wire in FINE]

    assert [status(reply) for reply in replies] == [202] * len(FINE)
    # Compressed and chunked bodies hold the plain one's event.
    bodies = [wire.partition(b"\r\n\r\n")[2] for _, wire in FINE]
    sent = {json.dumps(json.loads(body)["payload"], sort_keys=True) for body in bodies if body.startswith(b"{")}
    site.wait_for(lambda: expectations.caught_up(site))
    for found in (expectations.rows(site), expectations.documents(site)):
        assert {json.dumps(payload, sort_keys=True) for _, payload in found.values()} == sent
    assert expectations.differences() == []


def test_the_smallest_and_the_largest_numbers_are_added_up_batch_by_batch(site: Deployment) -> None:
    site.start_consumer()
    numbers = [5e-324, 5e-324, -5e-324, -1e-323, 1.7976931348623157e308, 1.7976931348623157e308, -1.0, 2.0]
    sent = [make_sent(number, payload={"v": value}) for number, value in enumerate(numbers)]

    for number, one in enumerate(sent):
        factories.put(site.raw_topic, line(number, json.dumps(one.payload).encode()))
        site.wait_for(lambda: expectations.caught_up(site))

    wanted = reference_rollups.rollups(sent, span=reference_rollups.HOUR)
    expectations.assert_agree(expectations.rollups(site, HOURS), wanted)
    assert expectations.letters(site) == {}
    assert expectations.differences() == []
