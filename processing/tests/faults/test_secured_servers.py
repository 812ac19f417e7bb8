"""Servers with TLS and users: an event goes through, and what is refused asks for an operator and shows no secret."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus, urlsplit

import pytest
import redis
from kafka.errors import KafkaError
from pytest_django.fixtures import Settings

from deploy.local import ports, processes
from deploy.testing.certificates import Authority
from deploy.testing.deployment import ProductProcess
from ingestion.kafka.direct.login import CannotConnect, connect
from ingestion.runtime import redis_client
from ingestion.tests.client import JSON, call, event
from processing.errors import NeedsOperator, kafka_errors, postgres_errors
from processing.kafka import groupless_client
from processing.kafka.publisher import RecordPublisher
from processing.stores import postgres
from processing.stores.mongodb.document_store import DocumentStore
from processing.tests import secured_servers
from processing.tests.secured_servers import PASSWORD, USER, SecuredKafka

WRONG = "wr0ng-s3cret"
# As docs/operations.md says.
REDIS_RIGHTS = "~dataflow:* resetchannels &dataflow:* +@read +@write +@pubsub +ping +info +select +client"


@dataclass(frozen=True, slots=True)
class Secured:
    """The four servers, and the settings that reach them."""

    kafka: SecuredKafka
    env: dict[str, str]
    stranger: Path  # the file of an authority that signed none of their certificates

    def environment(self, **changes: str) -> dict[str, str]:
        return {**os.environ, "PYTHONUNBUFFERED": "1", **self.env, **changes}  # noqa: TID251 - of another process


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority, other = Authority(folder / "ours"), Authority(folder / "other", "stranger")
    with ExitStack() as stack:
        kafka = stack.enter_context(secured_servers.kafka(folder, authority))
        rows = stack.enter_context(secured_servers.postgres(folder, authority))
        mongo = stack.enter_context(secured_servers.mongo(folder, authority))
        cache = stack.enter_context(secured_servers.redis_with_tls(folder, authority, REDIS_RIGHTS))
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": f"{ports.HOST}:{kafka.listeners['SASL_SSL']}",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD": PASSWORD,
            "KAFKA_SSL_CAFILE": str(authority.file),
            "POSTGRES_HOST": ports.HOST,
            "POSTGRES_PORT": str(rows),
            "POSTGRES_USER": USER,
            "POSTGRES_PASSWORD": PASSWORD,
            "POSTGRES_DB": "dataflow",
            "POSTGRES_SSLMODE": "verify-full",
            "POSTGRES_SSLROOTCERT": str(authority.file),
            "MONGO_URI": mongo_uri(mongo, PASSWORD, authority.file),
            "REDIS_URL": f"rediss://{USER}:{quote_plus(PASSWORD)}@{ports.HOST}:{cache}/0?ssl_ca_certs={authority.file}",
        }
        yield Secured(kafka, env, other.file)


def mongo_uri(port: int | str, password: str, authority: Path) -> str:
    where = f"{ports.HOST}:{port}/?authSource=admin&tls=true&tlsCAFile={authority}"
    return f"mongodb://{USER}:{quote_plus(password)}@{where}"


def start(secured: Secured, spec: processes.ProcessSpec, folder: Path, **changes: str) -> ProductProcess:
    return ProductProcess(
        spec, port=ports.free_port(), log=folder / f"{spec.name}.log", env=secured.environment(**changes)
    )


def manage(secured: Secured, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=processes.ROOT,
        env=secured.environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )


def wait_for(predicate: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def shows_no_secret(text: str) -> bool:
    secrets = (PASSWORD, quote_plus(PASSWORD), WRONG)
    return not any(secret in text for secret in secrets)


def test_an_event_goes_through_servers_with_tls_and_users(secured: Secured, tmp_path: Path) -> None:
    for words in (["migrate", "--verbosity", "0"], ["prepare_stores"], ["check"]):
        ran = manage(secured, *words)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert shows_no_secret(ran.stdout + ran.stderr)
    specs = (processes.INGEST, processes.CONSUMER, processes.WEB)
    # Clients log most at this level.
    started = [start(secured, spec, tmp_path, DATAFLOW_LOG_LEVEL="DEBUG") for spec in specs]
    ingest, _, web = started
    try:
        wait_for(lambda: all(spec.is_ready(each.port) for spec, each in zip(specs, started, strict=True)))
        sent = {**JSON, "Idempotency-Key": "one"}
        body = json.dumps(event()).encode()
        wait_for(lambda: call(ingest.url, "POST", "/ingest", body, sent).status == 202)
        wait_for(lambda: call(web.url, "GET", "/data").json["results"])
        # All four: one that is down makes it "degraded".
        wait_for(lambda: call(web.url, "GET", "/readyz").json["status"] == "ready")
        # Through Redis: a replayed answer, the receiver's heartbeat.
        wait_for(lambda: "idempotency-replayed" in call(ingest.url, "POST", "/ingest", body, sent).headers)
        wait_for(lambda: call(web.url, "GET", "/api/pipeline/").json["doors"]["processes"])
        pages = b"".join(call(web.url, "GET", path).body for path in ("/readyz", "/metrics", "/", "/api/pipeline/"))
        assert shows_no_secret(pages.decode())
    finally:
        for process in started:
            process.stop()
    assert shows_no_secret("".join(process.log for process in started))


@pytest.mark.parametrize(
    ("command", "changes", "named"),
    [
        ("prepare_stores", {"KAFKA_SASL_PASSWORD": WRONG}, "KAFKA_SASL_PASSWORD"),
        ("prepare_stores", {"KAFKA_SSL_CAFILE": "stranger"}, "KAFKA_SSL_CAFILE"),
        ("reconcile", {"POSTGRES_PASSWORD": WRONG}, "POSTGRES_PASSWORD"),
        ("reconcile", {"POSTGRES_SSLROOTCERT": "stranger"}, "POSTGRES_SSLROOTCERT"),
        ("prepare_stores", {"MONGO_URI": WRONG}, "authSource in MONGO_URI"),
        ("prepare_stores", {"MONGO_URI": "stranger"}, "tls options of MONGO_URI"),
    ],
    ids=str,
)
def test_a_command_names_the_settings_of_a_server_that_refuses_and_no_secret(
    secured: Secured, command: str, changes: Mapping[str, str], named: str
) -> None:
    ran = manage(secured, command, **resolved(secured, changes))

    assert ran.returncode == 2
    said = ran.stdout + ran.stderr
    assert named in said
    assert shows_no_secret(said)


@pytest.mark.parametrize("name", ["KAFKA_SASL_PASSWORD", "POSTGRES_PASSWORD"])
def test_a_consumer_that_is_refused_asks_for_an_operator_and_logs_no_secret(
    secured: Secured, tmp_path: Path, name: str
) -> None:
    process = start(secured, processes.CONSUMER, tmp_path, **resolved(secured, {name: WRONG}))
    try:
        wait_for(lambda: name in process.log, 60)
    finally:
        process.stop()

    assert shows_no_secret(process.log)


def test_a_receiver_whose_password_is_refused_answers_503_and_says_why(secured: Secured, tmp_path: Path) -> None:
    process = start(secured, processes.INGEST, tmp_path, KAFKA_SASL_PASSWORD=WRONG)
    try:
        wait_for(lambda: "KAFKA_SASL_PASSWORD" in process.log and processes.INGEST.is_ready(process.port))
        answer = call(process.url, "POST", "/ingest", json.dumps(event()).encode(), JSON)
    finally:
        process.stop()

    assert answer.status == 503
    assert shows_no_secret(process.log + answer.body.decode())


def resolved(secured: Secured, changes: Mapping[str, str]) -> dict[str, str]:
    """Replace what stands for a file or an address."""
    found = {}
    for name, value in changes.items():
        if name == "MONGO_URI":
            port = secured.env["MONGO_URI"].rpartition("@")[2].partition("/")[0].rpartition(":")[2]
            ours = Path(secured.env["KAFKA_SSL_CAFILE"])
            found[name] = mongo_uri(port, *((WRONG, ours) if value == WRONG else (PASSWORD, secured.stranger)))
        else:
            found[name] = str(secured.stranger) if value == "stranger" else value
    return found


# Protocol, mechanism; each with the right password, and then with a wrong one.
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_kafka_takes_each_mechanism_and_refuses_a_wrong_password(
    secured: Secured, settings: Settings, protocol: str, mechanism: str
) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = [f"{ports.HOST}:{secured.kafka.listeners[protocol]}"]
    settings.KAFKA_SECURITY_PROTOCOL, settings.KAFKA_SASL_MECHANISM = protocol, mechanism
    settings.KAFKA_SASL_USERNAME, settings.KAFKA_SASL_PASSWORD = USER, PASSWORD
    settings.KAFKA_SSL_CAFILE = str(secured.kafka.authority)

    groupless_client.connect("test", wait=20).close()
    settings.KAFKA_SASL_PASSWORD = WRONG
    with pytest.raises(NeedsOperator, match="KAFKA_SASL_PASSWORD") as refused, kafka_errors():
        groupless_client.connect("test", wait=20)
    with pytest.raises(NeedsOperator, match="KAFKA_SASL_PASSWORD"):
        RecordPublisher().send("topic", lambda _: [])

    assert shows_no_secret(str(refused.value))


def test_kafka_takes_our_certificate_and_refuses_none_and_a_strangers(
    secured: Secured, settings: Settings, tmp_path: Path
) -> None:
    ours, strangers = secured.kafka.client, Authority(tmp_path).issue("strangers")
    settings.KAFKA_BOOTSTRAP_SERVERS = [f"{ports.HOST}:{secured.kafka.listeners['SSL']}"]
    settings.KAFKA_SECURITY_PROTOCOL = "SSL"
    settings.KAFKA_SSL_CAFILE = str(secured.kafka.authority)

    settings.KAFKA_SSL_CERTFILE, settings.KAFKA_SSL_KEYFILE = str(ours.certificate), str(ours.key)
    groupless_client.connect("test", wait=20).close()

    for certificate, key in (("", ""), (str(strangers.certificate), str(strangers.key))):
        settings.KAFKA_SSL_CERTFILE, settings.KAFKA_SSL_KEYFILE = certificate, key
        with pytest.raises(NeedsOperator, match="KAFKA_SSL_CERTFILE"), kafka_errors():
            groupless_client.connect("test", wait=20)


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [("SSL", ""), *[(sasl, name) for sasl in ("SASL_PLAINTEXT", "SASL_SSL") for name in ("PLAIN", "SCRAM-SHA-512")]],
)
def test_a_receivers_own_connection_logs_in_as_the_clients_do(secured: Secured, protocol: str, mechanism: str) -> None:
    options = {
        "security_protocol": protocol,
        "sasl_mechanism": mechanism,
        "sasl_plain_username": USER,
        "sasl_plain_password": PASSWORD,
        "ssl_cafile": str(secured.kafka.authority),
        "ssl_certfile": str(secured.kafka.client.certificate),
        "ssl_keyfile": str(secured.kafka.client.key),
    }

    async def is_ready(**changes: str) -> bool:
        connection = await connect(
            ports.HOST, secured.kafka.listeners[protocol], {**options, **changes}, client="dataflow"
        )
        ready = connection.is_ready
        connection.abort()
        return ready

    assert asyncio.run(is_ready())
    if mechanism:
        with pytest.raises((CannotConnect, ConnectionResetError, KafkaError)):
            asyncio.run(is_ready(sasl_plain_password=WRONG))
    if protocol.endswith("SSL"):
        with pytest.raises(ssl.SSLError):
            asyncio.run(is_ready(ssl_cafile=str(secured.stranger)))


def test_postgresql_is_refused_where_its_certificate_is_for_another_host(
    secured: Secured, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {
        "HOST": "localhost",
        "PORT": secured.env["POSTGRES_PORT"],
        "USER": USER,
        "PASSWORD": PASSWORD,
        "NAME": "postgres",
    }
    for name, value in changed.items():
        monkeypatch.setitem(settings.DATABASES["default"], name, value)
    settings.POSTGRES_TLS = {"sslmode": "verify-full", "sslrootcert": secured.env["POSTGRES_SSLROOTCERT"]}

    with pytest.raises(NeedsOperator, match="another host"), postgres_errors():
        postgres.connect()

    settings.POSTGRES_TLS = {"sslmode": "verify-ca", "sslrootcert": secured.env["POSTGRES_SSLROOTCERT"]}
    postgres.connect().close()


def test_a_refused_document_store_needs_an_operator(secured: Secured, settings: Settings) -> None:
    settings.MONGO_URI = resolved(secured, {"MONGO_URI": WRONG})["MONGO_URI"]

    with pytest.raises(NeedsOperator, match="MONGO_URI") as refused:
        DocumentStore().has_documents()

    assert shows_no_secret(str(refused.value))


@pytest.mark.parametrize("part", ["password", "certificate"])
def test_redis_refused_is_as_redis_away_and_its_reason_names_the_settings(
    secured: Secured, settings: Settings, part: str
) -> None:
    url = urlsplit(secured.env["REDIS_URL"])
    settings.REDIS_CONNECTION = {
        "host": url.hostname,
        "port": url.port,
        "db": 0,
        "username": USER,
        "password": WRONG if part == "password" else PASSWORD,
        "ssl": True,
        "ssl_ca_certs": str(secured.stranger if part == "certificate" else secured.kafka.authority),
    }

    with pytest.raises(redis.RedisError) as refused, redis_client.connect_from_thread(timeout=5) as client:
        client.ping()

    said = redis_client.reason(refused.value)
    assert ("REDIS_PASSWORD" if part == "password" else "REDIS_SSL_CAFILE") in said
    assert shows_no_secret(said)
