"""Kafka, PostgreSQL, MongoDB and Redis with TLS and users, started for one test file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion
from pymongo import MongoClient

from deploy.local import ports
from deploy.local.servers.kafka import Kafka
from deploy.local.servers.mongo import MongoDB
from deploy.local.servers.postgres import PostgreSQL
from deploy.local.servers.redis import Redis
from deploy.testing.certificates import Authority, Issued
from deploy.testing.tls_proxy import TlsProxy

USER = "sensors"
# With what an address has to escape.
PASSWORD = "s3cr:et/p@ss?#%"
SCRAM = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """Where a broker listens with each protocol, and what it trusts."""

    listeners: dict[str, int]
    authority: Path
    client: Issued  # a certificate that the broker trusts


@contextmanager
def kafka(folder: Path, authority: Authority) -> Iterator[SecuredKafka]:
    """Start a broker that speaks every protocol, each on a port of its own; `SSL` alone wants a certificate."""
    listeners = {name: ports.free_port() for name in ("SSL", "SASL_PLAINTEXT", "SASL_SSL")}
    server = authority.issue("kafka")
    module = "org.apache.kafka.common.security"
    plain = f'{module}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    properties = {
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocol}"
            for name, protocol in {
                "CONTROLLER": "PLAINTEXT",
                "PLAINTEXT": "PLAINTEXT",
                **{n: n for n in listeners},
            }.items()
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(server.both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.ssl.ssl.client.auth": "required",
    }
    for name in ("sasl_plaintext", "sasl_ssl"):
        properties[f"listener.name.{name}.sasl.enabled.mechanisms"] = ",".join(("PLAIN", *SCRAM))
        properties[f"listener.name.{name}.plain.sasl.jaas.config"] = plain
        for mechanism in SCRAM:
            properties[f"listener.name.{name}.{mechanism.lower()}.sasl.jaas.config"] = (
                f"{module}.scram.ScramLoginModule required;"
            )
    broker = Kafka(port=ports.free_port(), folder=folder / "kafka", listeners=listeners, properties=properties)
    broker.start()
    try:
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        for mechanism in SCRAM.values():
            # Kafka takes one for each user and request.
            wanted = UserScramCredentialUpsertion(USER, mechanism, password=PASSWORD)
            assert admin.alter_user_scram_credentials([wanted]) == {USER: None}
        admin.close()
        yield SecuredKafka(listeners, authority.file, authority.issue("client"))
    finally:
        broker.stop()


@contextmanager
def postgres(folder: Path, authority: Authority) -> Iterator[int]:
    """Start PostgreSQL behind TLS; yield the port."""
    server = PostgreSQL(port=ports.free_port(), folder=folder / "postgres", user=USER, password=PASSWORD)
    server.start()
    try:
        with TlsProxy(target=server.port, certificate=authority.issue("postgres"), asks_first=True) as proxy:
            yield proxy.port
    finally:
        server.stop()


class _SecuredMongoDB(MongoDB):
    def answers(self) -> bool:
        """Return whether it listens: who has no user can't ask."""
        return ports.answers(ports.HOST, self.port)


@contextmanager
def mongo(folder: Path, authority: Authority, *, role: str = "readWriteAnyDatabase") -> Iterator[int]:
    """Start MongoDB with TLS and a user of one role; yield its port."""
    issued = authority.issue("mongo")
    secret = folder / "mongo.key"
    secret.write_text("a" * 64)
    secret.chmod(0o600)
    options = {
        "tlsMode": "requireTLS",
        "tlsCertificateKeyFile": str(issued.both),
        # It makes a user necessary, as --auth does.
        "keyFile": str(secret),
    }
    server = _SecuredMongoDB(port=ports.free_port(), folder=folder / "mongo", options=options)
    server.start()
    try:
        uri = f"mongodb://{server.address}/?tls=true&tlsCAFile={authority.file}"
        with MongoClient[dict[str, object]](uri) as client:
            client.admin.command("createUser", USER, pwd=PASSWORD, roles=[role])
        yield server.port
    finally:
        server.stop()


@contextmanager
def redis_with_tls(folder: Path, authority: Authority, rights: str) -> Iterator[int]:
    """Start Redis with one user of these rights, behind TLS; yield the port.

    :param rights: as ACL SETUSER takes them
    """
    server = Redis(port=ports.free_port(), folder=folder / "redis")
    server.start()
    try:
        with redis.Redis(port=server.port) as client:
            client.execute_command("ACL", "SETUSER", USER, "on", f">{PASSWORD}", *rights.split())
            client.execute_command("ACL", "SETUSER", "default", "off")
        with TlsProxy(target=server.port, certificate=authority.issue("redis")) as proxy:
            yield proxy.port
    finally:
        server.stop()
