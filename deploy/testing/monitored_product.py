"""The whole product under a little load of every kind, watched by a real Prometheus."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from websockets.sync.client import connect
from websockets.typing import Origin

from deploy.local import ports
from deploy.local.plan import PROCESSES
from deploy.testing.deployment import Deployment, ProductProcess
from deploy.testing.prometheus_server import Prometheus
from ingestion.tests.client import JSON, call, event, numbered, post
from ingestion.tests.grpc_client import Client
from ingestion.tests.grpc_client import event as grpc_event

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVERY = 0.1  # seconds between two rounds of the load
PAGES = ("/", "/data?source_id=weather-berlin", "/api/pipeline/", "/api/nothing/")


class MonitoredProduct:
    """All processes of a site, with Prometheus beside them."""

    def __init__(self, site: Deployment, folder: Path, others: dict[str, str] | None = None) -> None:
        self.site = site
        # All at once, which takes half of the time.
        self.processes: dict[str, ProductProcess] = {spec.name: site.launch(spec) for spec in PROCESSES}
        for spec in PROCESSES:
            site.await_ready(self.processes[spec.name], spec)
        own = {f"dataflow-{name}": f"{ports.HOST}:{one.metrics_port}" for name, one in self.processes.items()}
        self.prometheus = Prometheus(folder, {**own, **(others or {})})
        self._over = threading.Event()
        self.rounds = 0
        self._load = threading.Thread(target=self._run, name="load", daemon=True)
        self._grpc = Client(self.processes["grpc"].port)

    def start_load(self) -> None:
        """Send events and read pages, until stopped."""
        ingest = self.processes["ingest"].url
        self.site.wait_for(lambda: post(ingest, event("weather-berlin")).status == 202)
        # The second one becomes a dead letter.
        for number in range(2):
            post(ingest, event("weather-berlin", eventId="0f8fad5b-d9cb-469f-a165-70867728950e", payload={"n": number}))
        self._load.start()

    def stop_consumer(self) -> None:
        """Stop the consumer while events go on coming in."""
        assert self.processes["consumer"].stop() == 0

    def stop(self) -> None:
        """Stop the load and Prometheus; the processes are the site's."""
        self._over.set()
        if self._load.is_alive():
            self._load.join(10)
        self.prometheus.stop()

    def _run(self) -> None:
        host = f"{ports.HOST}:{self.processes['web'].port}"
        with connect(f"ws://{host}/ws/live", origin=Origin(f"http://{host}"), close_timeout=1) as live:
            live.send(json.dumps({"type": "subscribe", "id": "a", "channel": "tail"}))
            while not self._over.wait(EVERY):
                self._send(self.rounds)
                self.rounds += 1

    def _send(self, number: int) -> None:
        ingest, web = self.processes["ingest"].url, self.processes["web"].url
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        payload = {"n": number, "temperature": 20 + number % 7}
        body = json.dumps(event("weather-berlin", timestamp=now, payload=payload)).encode()
        call(ingest, "POST", "/ingest", body, {**JSON, "traceparent": TRACEPARENT})
        post(ingest, [{**one, "timestamp": now} for one in numbered(5, f"weather-{number % 3}")])
        if number % 5 == 0:
            self._send_seldom(ingest, number)
        call(web, "GET", PAGES[number % len(PAGES)])

    def _send_seldom(self, ingest: str, number: int) -> None:
        call(ingest, "POST", "/write", f"weather,place=rome temperature={number}".encode())
        self._grpc.ingest(grpc_event("weather-oslo", {"n": number}))
        post(ingest, event("other", timestamp="yesterday"))
        # A key is looked for in the cache, and is not there.
        call(ingest, "POST", "/ingest", b"{}", {**JSON, "Authorization": f"Bearer dfe_{number:08d}_{number:040d}"})
