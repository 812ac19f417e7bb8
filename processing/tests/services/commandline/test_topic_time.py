"""The clock of a receiver is hours ahead of the broker's."""

from __future__ import annotations

import pytest
from django.conf import settings
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from deploy.testing.deployment import Deployment
from ingestion.tests.client import call, event, post
from processing.kafka.administration.topic_promises import TIME_TYPE, wanted_settings
from processing.tests.wrong_clock import needs_faketime, off_by

pytestmark = [pytest.mark.services, needs_faketime]

WITHIN = 30  # seconds


def set_time_type(topic: str, kind: str) -> None:
    client = KafkaAdminClient(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS)
    try:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={TIME_TYPE: kind})])
    finally:
        client.close()


# Alone: libfaketime's sleep fails with EINVAL if the machine is so loaded that its end has passed already.
@pytest.mark.alone
def test_a_receiver_whose_clock_is_ahead_publishes_by_the_brokers_time_and_is_not_ready_where_it_can_not(
    site: Deployment,
) -> None:
    receiver = site.start_ingest(off_by("+2h"))

    # A topic as an earlier release made it.
    set_time_type(site.raw_topic, "CreateTime")
    site.wait_for(lambda: post(receiver.url, event()).status == 503, WITHIN)
    ready = call(receiver.url, "GET", "/readyz")
    assert (ready.status, ready.json["dependencies"]["kafka"]["error"]) == (503, "InvalidTimestampError")
    assert "InvalidTimestampError" in receiver.last_lines()

    # As prepare_stores makes one.
    set_time_type(site.raw_topic, wanted_settings(replication=1, retention=1)[TIME_TYPE])
    site.wait_for(lambda: post(receiver.url, event()).status == 202, WITHIN)
    assert call(receiver.url, "GET", "/readyz").status == 200
