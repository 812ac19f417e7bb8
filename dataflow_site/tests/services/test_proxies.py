"""docs/proxies.md: nginx runs the file on the page; only ports and the certificate are filled in."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from dataflow_site.environment.env import BASE_DIR
from deploy.local import ports
from deploy.local.process import Process
from deploy.testing.deployment import Deployment
from ingestion.tests.client import event
from ingestion.tests.conftest import open_receiver
from ingestion.tests.grpc_client import Client as GrpcClient
from ingestion.tests.grpc_client import event as grpc_event
from ingestion.tests.topic import events

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine to run the example with"),
]

# What a distribution's nginx.conf says around the files of its sites, with everything in one folder.
AROUND = """
daemon off;
user {user};
pid {folder}/pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running nginx: where, and who vouches for it."""

    site: Deployment
    port: int
    plain_port: int
    certificate: Path

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.trust, timeout=20)


class Over(GrpcClient):
    """A client on a channel that is there already."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel


@pytest.fixture(scope="module")
def proxy(module_site: Deployment) -> Iterator[Proxy]:
    """One nginx in front of one deployment for a module's tests; each uses sources of its own."""
    module_site.start_consumer()
    yield from started(module_site, module_site.folder)


def started(site: Deployment, folder: Path) -> Iterator[Proxy]:
    port, plain_port = ports.free_port(), ports.free_port()
    certificate, key = make_certificate(folder)
    filled = {
        "127.0.0.1:8081": f"127.0.0.1:{open_receiver(site).port}",
        "127.0.0.1:8080": f"127.0.0.1:{site.start_web({'DATAFLOW_HTTPS': '1'}).port}",
        "127.0.0.1:50051": f"127.0.0.1:{site.start_grpc().port}",
        "listen 443": f"listen 127.0.0.1:{port}",
        "listen 80;": f"listen 127.0.0.1:{plain_port};",
        "/etc/ssl/certs/dataflow.pem": str(certificate),
        "/etc/ssl/private/dataflow.key": str(key),
    }
    (folder / "site.conf").write_text(fill(example(), filled))
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=folder.owner()))
    nginx = Process([str(NGINX), "-c", str(folder / "nginx.conf")], log=folder / "nginx.log")
    try:
        nginx.await_ready(lambda: ports.answers(ports.HOST, port), seconds=10, name="nginx")
        yield Proxy(site, port, plain_port, certificate)
    finally:
        nginx.stop()


def example() -> str:
    page = (BASE_DIR / "docs" / "proxies.md").read_text()
    [block] = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    return str(block)


def fill(text: str, filled: dict[str, str]) -> str:
    for original, actual in filled.items():
        assert original in text
        text = text.replace(original, actual)
    return text


def make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-out", str(certificate), "-keyout", str(key))
    subprocess.run([*request, *name, *files], check=True, capture_output=True)
    return certificate, key


def test_the_nginx_example_serves_both_ports_over_tls(proxy: Proxy) -> None:
    with proxy.client() as client:
        taken = client.post("/ingest", json=event("behind-nginx"))
        page = proxy.site.wait_for(
            lambda: (found := client.get("/data?source_id=behind-nginx&limit=1").json())["results"] and found, 20
        )
        overview = client.get("/", headers={"X-Forwarded-Proto": "http"})

    assert (taken.status_code, taken.json()["status"]) == (202, "accepted")
    assert [(one["sourceId"], one["payload"]) for one in page["results"]] == [("behind-nginx", {"temperature": 23.5})]
    # The proxy's word about the scheme counts, not the client's: no redirect to where the client is already.
    assert overview.status_code == 200


def test_addresses_that_the_api_gives_lead_through_the_proxy(proxy: Proxy) -> None:
    with proxy.client() as client:
        client.post("/ingest", json=[event("paged", payload={"n": n}) for n in range(3)])
        page = proxy.site.wait_for(
            lambda: (found := client.get("/data?source_id=paged&limit=1").json())["next"] and found, 20
        )

        assert page["next"].startswith(f"{proxy.url}/data?")
        assert len(client.get(page["next"]).json()["results"]) == 1


@pytest.mark.parametrize("path", ["/ingest", "/api/data/"])
def test_a_body_past_the_limit_is_a_413_in_our_shape(proxy: Proxy, path: str) -> None:
    with proxy.client() as client:
        answer = client.post(path, content=b" " * (5 * 1024 * 1024 + 1), headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_what_is_for_the_inside_is_not_found_from_outside(proxy: Proxy) -> None:
    with proxy.client() as client:
        statuses = {path: client.get(path).status_code for path in ("/metrics", "/healthz", "/readyz")}

    assert statuses == {"/metrics": 404, "/healthz": 404, "/readyz": 404}


def test_plain_http_is_sent_on_to_https(proxy: Proxy) -> None:
    answer = httpx.post(f"http://127.0.0.1:{proxy.plain_port}/ingest", json=event(), headers={"Host": "localhost"})

    assert (answer.status_code, answer.headers["Location"]) == (308, "https://localhost/ingest")


async def test_the_live_feed_passes_and_strangers_origins_do_not(proxy: Proxy) -> None:
    address = f"wss://localhost:{proxy.port}/ws/live"

    # Not the client with a thread that reads: over TLS 1.3 and before Python 3.13 its request is, about once in 300 times,
    # written while the thread reads the session's tickets, and then waits for the server, which waits for the request.
    async with connect(address, ssl=proxy.trust, origin=Origin(proxy.url), open_timeout=30) as socket:
        assert json.loads(await socket.recv())["type"] == "welcome"
    with pytest.raises(InvalidStatus, match="403"):
        async with connect(address, ssl=proxy.trust, origin=Origin("https://elsewhere.example"), open_timeout=30):
            pass


def test_grpc_passes_with_tls_and_a_stream_is_no_body_with_a_limit(proxy: Proxy) -> None:
    trust = grpc.ssl_channel_credentials(proxy.certificate.read_bytes())
    batches = [[grpc_event(f"grpc-{number}", {"text": "x" * 200_000, "n": n}) for n in range(5)] for number in range(8)]

    with grpc.secure_channel(f"localhost:{proxy.port}", trust) as channel:
        answers = list(Over(channel).stream(iter(batches)))

    assert [answer.outcome.accepted for answer in answers] == [5] * 8
    assert len([line for line in events(proxy.site.raw_topic) if line["source"].startswith("grpc-")]) == 40
