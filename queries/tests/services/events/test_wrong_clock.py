"""The clock of a consumer is hours late: what readers see."""

from __future__ import annotations

import pytest

from deploy.testing.deployment import Deployment
from processing.models import Event
from processing.tests import factories
from processing.tests.posting import readings
from processing.tests.wrong_clock import needs_faketime, off_by
from queries.tests.stored import get, ids, walk

pytestmark = [pytest.mark.services, needs_faketime]

WITHIN = 30  # seconds


# Alone: libfaketime's sleep fails with EINVAL if the machine is so loaded that its end has passed already.
@pytest.mark.alone
def test_no_page_shows_what_a_consumer_with_a_late_clock_stored_after_the_first(site: Deployment) -> None:
    site.start_consumer(off_by("-2h"))
    factories.put_events(site.raw_topic, *readings("sensor-1", 20))
    site.wait_for(lambda: Event.objects.count() == 20, WITHIN)

    first = get("/data?order=asc&limit=5")
    factories.put_events(site.raw_topic, *readings("sensor-2", 20))
    site.wait_for(lambda: Event.objects.count() == 40, WITHIN)
    shown = ids(first["results"] + walk(first["next"]))

    stored = Event.objects.filter(source_id="sensor-1").order_by("ts").values_list("id", flat=True)
    assert shown == list(map(str, stored))
