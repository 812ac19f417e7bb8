"""Incidents: one open for each thing, counted while it repeats, closed when it is over."""

from __future__ import annotations

import pytest

from deploy.local.site import Site
from processing.incidents import close_incident, of_partition, open_incident, open_incidents
from processing.models import Incident

pytestmark = pytest.mark.services

DISK, BREAKER = Incident.Kind.DISK, Incident.Kind.BREAKER


def test_an_incident_is_open_once_counts_its_repetitions_and_may_come_again(site: Site) -> None:
    for percent in (81, 82):
        open_incident(DISK, "postgresql", f"{percent} % full")
    open_incident(BREAKER, of_partition("raw-data", 3), "200 in a row")
    found = list(open_incidents().values_list("kind", "subject", "detail", "count"))

    closed = [close_incident(DISK, "postgresql") for _ in range(2)]
    open_incident(DISK, "postgresql", "90 % full")

    assert found == [("breaker", "raw-data/3", "200 in a row", 1), ("disk", "postgresql", "82 % full", 2)]
    assert closed == [True, False]
    assert Incident.objects.filter(kind=DISK).count() == 2
    assert open_incidents().get(kind=DISK).detail == "90 % full"
