"""The first steps, followed as a newcomer would: the samples are copied from the page and run."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from html import unescape
from pathlib import Path

import playwright
import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client, override_settings

from deploy.testing.deployment import Deployment
from ingestion.models import Key, RefusedRequest
from ingestion.tests.client import JSON, call
from processing.models import DeadLetter

pytestmark = pytest.mark.services

NODE = Path(playwright.__file__).parent / "driver" / "node"
PLAIN = {"accept-encoding": "identity"}
KEYED = {"DATAFLOW_OPEN_INGEST": "0"}


def samples_on(page: HttpResponse) -> dict[str, str]:
    found = re.findall(r"<summary>([^<]*)</summary><pre>(.*?)</pre>", page.content.decode(), re.DOTALL)
    return {title: unescape(text) for title, text in found}


def run(command: list[str], text: str) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_a_key_is_shown_once_sends_and_what_it_breaks_waits_to_be_mended(site: Deployment) -> None:
    receiver, _ = site.start_ingest(KEYED), site.start_consumer()
    operator = Client(headers={"host": "127.0.0.1:8080", "accept-encoding": "gzip"})
    operator.force_login(User.objects.create_superuser("operator"))

    with override_settings(INGESTION_SERVICE_PORT=receiver.port, DATAFLOW_OPEN_INGEST=False):
        page = operator.post("/start/key/", {"source": "press-7"})
        again = operator.get("/start/?source=press-7")
        wrong = operator.post("/start/key/", {"source": "press 7"})
    assert isinstance(page, HttpResponse)
    token = re.findall(r"data-token>(dfe_[0-9a-f_]+)<", page.content.decode())[0]
    for sender, body in ((token, b'{"sourceId":"press-8"'), (token, b"{"), ("dfe_wrong", b"{}")):
        call(receiver.url, "POST", "/ingest", body, {**JSON, "X-API-Key": sender})
    site.wait_for(lambda: RefusedRequest.objects.count() == 3, 10)
    attempts = operator.get("/start/?source=press-7", headers=PLAIN).content.decode()
    by_fetch = run([str(NODE), "--input-type=module", "-"], samples_on(page)["JavaScript, with fetch"])
    run(["bash", "-s"], samples_on(page)["Two events with one id"])
    site.wait_for(lambda: DeadLetter.objects.filter(reason="id_conflict").exists(), 20)
    progress = operator.get("/start.json?source=press-7", headers=PLAIN).json()["progress"]
    other = operator.get("/start.json?source=press-9", headers=PLAIN).json()["progress"]

    assert by_fetch.startswith("202 ")
    key = Key.objects.get()
    assert (key.scopes, key.sources, key.created_by) == (["ingest"], ["press-7"], "operator")
    # Not compressed either: its length would tell about it.
    assert "Content-Encoding" not in page.headers
    assert again.headers["Content-Encoding"] == "gzip"
    assert token not in operator.get("/start/?source=press-7", headers=PLAIN).content.decode()
    assert wrong.status_code == 422
    assert progress["event"]["sourceId"] == "press-7"
    assert progress["openLetter"] == DeadLetter.objects.get().pk
    # What names another source is of nobody's, but it came with the key of this one.
    assert [each["code"] for each in progress["refused"]] == ["unauthenticated", "not_json", "not_json"]
    assert [each["sourceId"] for each in progress["refused"]] == [None, "press-7", None]
    assert "expected JSON in UTF-8 (RFC 8259)" in attempts
    assert "{&quot;sourceId&quot;:&quot;press-8&quot;" in attempts
    assert other["refused"][0]["code"] == "unauthenticated"


def test_the_samples_of_an_open_site_name_no_key_and_work_as_they_stand(site: Deployment) -> None:
    receiver, grpc = site.start_ingest({"DATAFLOW_OPEN_INGEST": "1"}), site.start_grpc({"DATAFLOW_OPEN_INGEST": "1"})
    ports = {"INGESTION_SERVICE_PORT": receiver.port, "GRPC_SERVICE_PORT": grpc.port}

    with override_settings(DATAFLOW_OPEN_INGEST=True, **ports):
        page = Client(headers={"host": "127.0.0.1:8080"}).get("/start/?source=press-7")
    assert isinstance(page, HttpResponse)
    samples = samples_on(page)
    telegraf = tomllib.loads(samples["Telegraf"])["outputs"]["influxdb_v2"][0]

    assert run(["bash", "-s"], samples["curl"]).startswith("HTTP/1.1 202")
    assert run([sys.executable, "-"], samples["Python, with httpx"]).startswith("202 ")
    assert run([str(NODE), "--input-type=module", "-"], samples["JavaScript, with fetch"]).startswith("202 ")
    assert run(["bash", "-s"], samples["Two events with one id"]).count("HTTP/1.1 202") == 2
    # One argument a line: what grpcurl would be called with.
    [plain, flag, *_] = run(["bash", "-s"], f'grpcurl() {{ printf "%s\\n" "$@"; }}\n{samples["grpcurl"]}').splitlines()
    assert (plain, flag) == ("-plaintext", "-d")
    assert telegraf["urls"] == [f"http://127.0.0.1:{receiver.port}"]
    assert "token" not in telegraf
    assert [name for name, text in samples.items() if "KEY" in text or "Authorization" in text] == []


def test_who_may_not_make_keys_is_told_who_makes_them(module_site: Deployment) -> None:
    stranger = Client()

    offered = stranger.get("/start/").content.decode()
    refused = stranger.post("/start/key/", {"source": "press-7"}, headers={"accept": "text/html"})

    assert "Make a key for it" not in offered
    assert refused.status_code == 403
    assert "This takes the role administrator." in refused.content.decode()
    assert 'href="/sign-in/?next=' in refused.content.decode()
