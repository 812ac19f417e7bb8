"""What no page needs, no process but the web loads: it would cost each of them half a second and tens of megabytes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core import checks
from django.test import override_settings

from dataflow_site import urls
from dataflow_site.environment.env import BASE_DIR

HEAVY = ("twisted", "daphne", "rest_framework.views", "drf_spectacular.views", "processing.admin", "queries.views")
RECEIVERS = ("ingestion.server", "ingestion.receivers.grpc.server")
WORKERS = (*RECEIVERS, "processing.consumer.loop", "processing.jobs.queue")


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=BASE_DIR, env=os.environ, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def loaded(module: str, names: tuple[str, ...]) -> list[str]:
    script = f"""
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "dataflow_site.settings"
import django
django.setup()
import {module}
print(*[name for name in {names} if name in sys.modules])
"""
    return run("-c", script).split()


@pytest.mark.parametrize("module", WORKERS)
def test_a_worker_loads_no_pages(module: str) -> None:
    assert loaded(module, HEAVY) == []


@pytest.mark.parametrize("module", RECEIVERS)
def test_a_receiver_loads_no_client_of_mongodb(module: str) -> None:
    assert loaded(module, ("pymongo", "mongoengine")) == []


def test_the_development_server_is_daphnes() -> None:
    assert "--http_timeout" in run("manage.py", "runserver", "--help")


def test_what_the_admin_shows_passes_its_checks() -> None:
    # The admin's classes come with the addresses, which its checks do not wait for.
    assert urls.urlpatterns
    with override_settings(DEBUG=True):
        found = checks.run_checks(tags=[checks.Tags.admin])

    assert found == []
