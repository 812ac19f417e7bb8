"""Where the version stands, and what `manage.py version` says of the migrations."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from dataflow_site.environment.env import BASE_DIR
from dataflow_site.version import VERSION
from deploy.testing.deployment import Deployment


def version(site_env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "version", *words],
        cwd=BASE_DIR,
        env=site_env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_changelog_is_of_this_version() -> None:
    releases = re.findall(r"^## (\S+)", (BASE_DIR / "CHANGELOG.md").read_text(), re.MULTILINE)
    number = VERSION.partition(".dev")[0]

    if ".dev" in VERSION:
        assert releases[0] == "Unreleased"
        assert number not in releases
    else:
        assert releases[0] == number
    numbers = [tuple(map(int, each.split("."))) for each in releases if each != "Unreleased"]
    assert numbers == sorted(numbers, reverse=True)


@pytest.mark.services
def test_the_version_is_told_with_the_migrations_that_wait(site: Deployment) -> None:
    good = version(site.env, "--json")
    call_command("migrate", "processing", "0016", verbosity=0)
    behind = version(site.env)

    assert good.returncode == 0
    said = json.loads(good.stdout)
    assert (said["version"], said["pendingMigrations"]) == (VERSION, [])
    assert behind.returncode == 1
    assert "processing.0017_payload_changed" in behind.stdout
    assert behind.stderr == "CommandError: Migrations wait: run manage.py migrate.\n"


def test_without_postgresql_the_version_is_told_and_that_the_rest_is_not_known() -> None:
    done = version({**os.environ, "POSTGRES_PORT": "1", "DATAFLOW_ENV_FILE": os.devnull}, "--json")

    assert done.returncode == 2
    assert json.loads(done.stdout) == {**json.loads(done.stdout), "version": VERSION, "pendingMigrations": None}


@pytest.mark.services
def test_the_admin_shows_the_version_to_operators_and_not_to_strangers(site: Deployment) -> None:
    operator, stranger = Client(), Client()
    operator.force_login(User.objects.create_superuser("operator"))

    assert f"Version {VERSION}" in operator.get("/admin/").content.decode()
    assert VERSION not in stranger.get("/sign-in/").content.decode()
