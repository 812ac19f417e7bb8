"""The snippets that the admin shows: copied from the page and run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory, override_settings
from google.protobuf import json_format

from deploy.testing.deployment import Deployment, ProductProcess
from ingestion import code_samples
from ingestion.auth import api_keys
from ingestion.events.model import SOURCE_ID_PATTERN
from ingestion.models import Key, Source
from ingestion.protos.dataflow.ingest.v1.ingestion_pb2 import IngestRequest
from ingestion.tests.conftest import open_receiver
from ingestion.tests.topic import events

services = pytest.mark.services
KEYED = {"DATAFLOW_OPEN_INGEST": "0"}
ODD = "A9.z_y:x-" + "w" * 119  # every character that an id may have


@pytest.fixture
def keyed(site: Deployment) -> ProductProcess:
    """A receiver that asks for a key."""
    return open_receiver(site, KEYED)


@pytest.fixture
def operator(site: Deployment) -> Client:
    client = Client(headers={"host": "127.0.0.1:8080"})
    client.force_login(User.objects.create_superuser("operator"))
    return client


def text_of(page: HttpResponseBase) -> str:
    assert isinstance(page, HttpResponse)
    return page.content.decode()


def shown(page: HttpResponseBase) -> dict[str, str]:
    found = re.findall(r'<pre class="snippet" data-snippet="([^"]*)">(.*?)</pre>', text_of(page), re.DOTALL)
    return {title: unescape(text) for title, text in found}


def token_on(page: HttpResponseBase) -> str:
    [token] = re.findall(r"data-token>(dfe_[0-9a-f_]+)<", text_of(page))
    return str(token)


def run(command: list[str], text: str, **env: str) -> str:
    named = [f"{name}={value}" for name, value in env.items()]
    done = subprocess.run(["env", *named, *command], input=text, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def make_key(client: Client, **changes: object) -> HttpResponseBase:
    form = {"name": "meter", "scopes": ["ingest"], "sources": "", "rate": "", **changes}
    page = client.post("/admin/ingestion/key/add/", form)
    assert page.status_code == 200
    return page


@services
def test_what_a_sources_page_shows_sends_its_events(operator: Client, keyed: ProductProcess, site: Deployment) -> None:
    Source.objects.create(source_id=ODD)
    _, token = api_keys.create("meter", ["ingest"], sources=[ODD])

    with override_settings(INGESTION_SERVICE_PORT=keyed.port, DATAFLOW_OPEN_INGEST=False):
        page = operator.get(f"/admin/ingestion/source/{ODD.replace('_', '_5F').replace(':', '_3A')}/change/")
    by_curl = run(["bash", "-s"], shown(page)["curl"], DATAFLOW_KEY=token)
    by_httpx = run([sys.executable, "-"], shown(page)["Python, with httpx"], DATAFLOW_KEY=token)

    assert by_curl.startswith("HTTP/1.1 202")
    assert by_httpx.startswith("202 ")
    assert [line["source"] for line in events(site.raw_topic)] == [ODD, ODD]
    assert token not in text_of(page)


@services
def test_the_page_after_a_key_was_made_shows_lines_that_work_as_they_stand(
    operator: Client, keyed: ProductProcess, site: Deployment
) -> None:
    with override_settings(INGESTION_SERVICE_PORT=keyed.port):
        page = make_key(operator, sources="boiler-1,boiler-2")

    assert run(["bash", "-s"], shown(page)["curl"]).startswith("HTTP/1.1 202")
    assert run([sys.executable, "-"], shown(page)["Python, with httpx"]).startswith("202 ")
    assert [line["source"] for line in events(site.raw_topic)] == ["boiler-1", "boiler-1"]
    assert all(token_on(page) in text for text in shown(page).values())


@services
@pytest.mark.skipif(shutil.which("grpcurl") is None, reason="there is no grpcurl on this machine")
def test_grpcurl_sends_an_event_with_the_line_shown(operator: Client, site: Deployment) -> None:
    receiver = site.start_grpc(KEYED)

    with override_settings(GRPC_SERVICE_PORT=receiver.port):
        page = make_key(operator, sources="boiler-1")
    # Until the receiver has found Kafka.
    answer = site.wait_for(lambda: run(["bash", "-s"], shown(page)["grpcurl"].rstrip() + " || true"), 20)

    assert json.loads(answer)["event_id"]
    assert [line["source"] for line in events(site.raw_topic)] == ["boiler-1"]


@services
def test_a_new_key_is_shown_once_and_kept_nowhere(operator: Client) -> None:
    page = make_key(operator)
    token = token_on(page)

    following = [operator.get(path).content.decode() for path in ("/admin/", "/admin/ingestion/key/")]

    assert "no-store" in page.headers["Cache-Control"]
    assert all(token not in text for text in following)
    assert token not in str(page.cookies) + str(operator.cookies)
    assert all(token not in str(session.get_decoded()) for session in Session.objects.all())
    assert token not in str(Key.objects.values_list())


@services
def test_a_rotated_key_is_shown_in_the_answer_too(operator: Client) -> None:
    first, old = api_keys.create("meter", ["ingest"])
    revoked, _ = api_keys.create("lost", ["ingest"])
    api_keys.revoke(revoked)

    def rotate(key: Key) -> HttpResponseBase:
        return operator.post(
            "/admin/ingestion/key/", {"action": "rotate", "_selected_action": [key.pk], "confirmed": 1}
        )

    fresh = token_on(rotate(first))
    assert api_keys.find(Key.objects.get(prefix=fresh[4:12]).digest) is not None
    assert fresh != old
    assert rotate(revoked).status_code == 302
    assert Key.objects.count() == 3


@services
def test_a_key_that_can_only_read_gets_no_lines_that_send(operator: Client) -> None:
    page = make_key(operator, scopes=["read"])

    assert token_on(page)
    assert shown(page) == {}


def test_the_address_is_that_of_the_page_with_the_receivers_ports() -> None:
    get = RequestFactory().get

    with override_settings(INGESTION_SERVICE_PORT=9081, GRPC_SERVICE_PORT=9051, ALLOWED_HOSTS=["*"]):
        plain = code_samples.address_of(get("/", headers={"host": "data.example.org:8080"}))
        secure = code_samples.address_of(get("/", headers={"host": "[::1]:8080"}, secure=True))

        assert (plain.url, secure.url) == ("http://data.example.org:9081", "https://[::1]:9081")
        lines = {each.title: each.text for each in code_samples.code_samples(secure, source="s")}
    assert "-plaintext" not in lines["grpcurl"]
    assert "[::1]:9051" in lines["grpcurl"]


def test_the_other_snippets_say_in_their_own_syntax_what_is_meant() -> None:
    address = code_samples.Address("localhost", is_secure=False)
    assert SOURCE_ID_PATTERN.fullmatch(ODD)

    lines = {each.title: each.text for each in code_samples.code_samples(address, source=ODD, key="dfe_1_2")}
    telegraf = tomllib.loads(lines["Telegraf"])
    # One argument a NUL: what grpcurl would be called with.
    called = run(["bash", "-s"], f'grpcurl() {{ printf "%s\\0" "$@"; }}\n{lines["grpcurl"]}').split("\0")

    assert telegraf["global_tags"] == {"sourceId": ODD}
    assert telegraf["outputs"]["influxdb_v2"][0]["token"] == "dfe_1_2"
    assert called[:3] == ["-plaintext", "-H", "Authorization: Bearer dfe_1_2"]
    assert called[5:] == ["localhost:50051", "dataflow.ingest.v1.Ingestion/Ingest", ""]
    event = json_format.Parse(called[4], IngestRequest()).event
    assert (event.source_id, json.loads(event.payload)) == (ODD, {"temperature": 23.5})
