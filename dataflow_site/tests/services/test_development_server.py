"""`manage.py runserver`, which Daphne serves: everything is there, without the limits of the web process."""

from __future__ import annotations

import json

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from deploy.local.processes import ROOT, ProcessSpec
from deploy.testing.deployment import Deployment
from ingestion.tests.client import call, event, post

pytestmark = pytest.mark.services

RUNSERVER = ProcessSpec(
    "runserver", "API_SERVICE_PORT", (str(ROOT / "manage.py"), "runserver", "--noreload", "{host}:{port}")
)


def test_the_site_works_under_the_development_server(site: Deployment) -> None:
    server = site.start(RUNSERVER)

    assert call(server.url, "GET", "/").status == 200
    assert call(server.url, "GET", "/static/dashboard/dashboard.css").status == 200
    assert call(server.url, "GET", "/sign-in/").status == 200
    assert post(server.url, event()).status == 202
    assert call(server.url, "POST", "/ingest", b"{}", {"Host": "example.org"}).status == 400
    with connect(f"ws://localhost:{server.port}/ws/live", origin=Origin("http://localhost")) as feed:
        assert json.loads(feed.recv(timeout=5))["type"] == "welcome"
