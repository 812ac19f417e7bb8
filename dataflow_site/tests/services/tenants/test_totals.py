"""Totals of a reader of some sources are of these alone. A module of its own, since some are of the last minutes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from dataflow_site.tests import tenants
from dataflow_site.tests.tenants import SECOND_OWN
from deploy.testing.deployment import Deployment

pytestmark = pytest.mark.services


def trace(site: Deployment, client: Client) -> Any:
    """Return the history of the event that waits; the first search of a process has to find Kafka."""
    address = f"/api/events/{tenants.WAITING_EVENT}/trace/"
    site.wait_for(lambda: client.get(address).status_code == 200, 30)
    return client.get(address).json()


def test_a_key_for_some_sources_sees_its_own_share_of_every_total(
    site_of_two: Deployment, readers: dict[str, Client]
) -> None:
    tenant = readers["key: read, some sources"]

    pipeline, ledger = tenant.get("/api/pipeline/").json(), tenant.get("/api/pipeline/ledger/").json()
    overview = tenant.get("/live/overview/").json()["data"]["sample"]
    waiting = trace(site_of_two, tenant)

    assert pipeline["ledger"]["stored"] == ledger["total"]["stored"] == overview["ledger"]["stored"] == 5
    assert {each["sourceId"] for each in pipeline["sources"]} == {tenants.OWN, SECOND_OWN}
    assert [pipeline[name] for name in ("lag", "consumers", "doors")] == [None, None, None]
    assert (pipeline["held"], pipeline["incidents"], ledger["gaps"], ledger["refusedAtDoors"]) == ([], [], [], None)
    assert pipeline["deadLetters"]["open"] == {"atLeast": 1, "atMost": 1}
    # Something waits in the partition of a source of its own, and how much of it is its own is known to nobody.
    assert (waiting["outcome"], waiting["lag"], waiting["search"]["records"]) == ("in_flight", None, None)
    assert {trace for step in waiting["steps"] for trace in step["traceparents"]} == set()
    assert [row["read"] for row in tenant.get("/pipeline.json").json()["minutes"]] == [5]


def test_a_key_for_all_sources_sees_the_totals_and_the_trace_contexts_of_a_record(
    site_of_two: Deployment, readers: dict[str, Client]
) -> None:
    everyone = readers["key: read"]

    pipeline = everyone.get("/api/pipeline/").json()
    waiting = trace(site_of_two, everyone)

    assert pipeline["ledger"]["stored"] == tenants.NUMBER + 5
    assert waiting["lag"]["records"] == 1
    assert {trace for step in waiting["steps"] for trace in step["traceparents"]} == {tenants.OTHERS_TRACE}
