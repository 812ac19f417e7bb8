"""Content that a store can't hold becomes one letter; the rest of its batch is stored, and nothing is left behind."""

from __future__ import annotations

import pytest

from deploy.testing.deployment import Deployment
from ingestion.tests.client import post
from processing.stores.packed.rollups import HOURS
from processing.tests import expectations, factories
from processing.tests.factories import NOON, event_id, line
from processing.tests.reference_rollups import Sent

pytestmark = pytest.mark.services


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":"nul \\u0000"}',
        pytest.param(b'{"a":[{"b\\u0000":1}]}', marks=pytest.mark.thorough),
        b'{"a":9223372036854775808}',
        pytest.param(b'{"a":[-9223372036854775809]}', marks=pytest.mark.thorough),
        b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    ],
    ids=["a NUL", "a NUL in a key", "past int64", "below int64", "300 levels"],
)
def test_forged_content_that_a_store_refuses_is_one_letter(site: Deployment, payload: bytes) -> None:
    site.start_consumer()

    factories.put(site.raw_topic, line(1, b'{"n":1}'), line(2, payload), line(3, b'{"n":3}'))
    factories.put(site.raw_topic, line(4, b'{"n":4}'), line(5, payload))
    site.wait_for(lambda: expectations.caught_up(site), 30)

    expectations.assert_stored(site, [Sent("sensor-1", event_id(n), NOON, {"n": n}) for n in (1, 3, 4)])
    assert expectations.letters(site) == {("sensor-1", "refused_by_store"): 2}
    assert expectations.totals(site) == {"sensor-1": (5, 3, 0, 2)}


def test_fields_past_a_sources_cap_are_stored_and_not_rolled_up(site: Deployment) -> None:
    receiver = site.start_ingest()
    site.start_consumer({"DATAFLOW_MAX_FIELDS_PER_SOURCE": "3"})
    payloads: list[dict[str, object]] = [{"b": 1, "a": 1}, {"d": 2, "c": 2, "b": 2}, {"e": 3, "a": 3}]

    for number, payload in enumerate(payloads):
        sent = Sent("sensor-1", event_id(number), NOON, payload)
        assert post(receiver.url, expectations.as_json(sent)).status == 202
        site.wait_for(lambda: expectations.caught_up(site), 30)

    assert {id_: payload for (_, id_), (_, payload) in expectations.rows(site).items()} == {
        event_id(number): payload for number, payload in enumerate(payloads)
    }
    assert {field: one.count for (_, field, _), one in expectations.rollups(site, HOURS).items()} == {
        "a": 2,
        "b": 2,
        "c": 1,
    }
    assert {field for _, field in expectations.latest(site)} == {"a", "b", "c"}
    assert expectations.capped(site) == {"sensor-1"}
