"""Sends the examples of the OpenAPI document to real processes, in their order: the first ones fill the site for the rest."""

from __future__ import annotations

from typing import Any

import httpx
from django.utils import timezone

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.models import Key
from processing.models import Hold, Job, Topic
from queries.openapi.examples import Example

CLOSED = {"DATAFLOW_OPEN_READ": "0", "DATAFLOW_OPEN_INGEST": "0"}
EVERYTHING = ("ingest", "read", "raw", "admin")
PREFIX = "0123abcd"  # of the key that the examples change
TOPIC = "raw-data"  # as the examples call it


class ExampleSite:
    """A deployment with every process, and a key that may do everything."""

    def __init__(self, site: Deployment) -> None:
        self.site = site
        self.ingest = site.start_ingest(CLOSED)
        self.web = site.start_web(CLOSED)
        site.start_consumer()
        # Without a job of its own that the examples do not know of.
        site.start_jobs({"DATAFLOW_PACK_EVERY_HOURS": "0"})
        _, token = api_keys.create("examples", EVERYTHING)
        self.key = {"Authorization": f"Bearer {token}"}
        changed, _ = api_keys.create("plant 7 (old)", ["ingest"], sources=["plant-7.1"])
        Key.objects.filter(pk=changed.pk).update(prefix=PREFIX)

    def send(self, example: Example) -> httpx.Response:
        """Send a request when the site has what it is about."""
        self._prepare(example)
        port = self.ingest if example.goes_to_ingest else self.web
        head = {**self.key, **({"Content-Type": example.type} if example.type else {}), **example.headers}
        content = None if example.body is None else example.text.encode()
        address = example.address.replace(TOPIC, self.site.raw_topic)
        return httpx.request(example.method, f"{port.url}{address}", headers=head, content=content, timeout=20)

    def wait_until_settled(self) -> None:
        """Wait until everything that was sent is stored, and every job has ended."""
        self.site.wait_for(self._is_settled)

    def as_documented(self, text: str) -> str:
        """Return the text of an answer with the names that the document uses."""
        renamed = text.replace(self.site.raw_topic, TOPIC).replace(self.site.processed_topic, "processed-data")
        return renamed.replace(self.web.url, "http://localhost:8080")

    def _prepare(self, example: Example) -> None:
        if not example.goes_to_ingest:
            self.wait_until_settled()
        if example.operation == "resumePartition":
            Hold.objects.create(
                topic=Topic.objects.get(name=self.site.raw_topic),
                partition=0,
                since=timezone.now(),
                reason="62 of the last 100 events became dead letters",
            )

    def _is_settled(self) -> bool:
        if Job.objects.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING)).exists():
            return False
        state: Any = httpx.get(f"{self.web.url}/api/pipeline/", headers=self.key, timeout=20).json()
        return bool(state["ledger"]["inFlight"] == 0)
