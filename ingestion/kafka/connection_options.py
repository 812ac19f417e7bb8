"""What every Kafka client connects with: brokers, TLS, user. The one place that reads these settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from ingestion.kafka.refusals import RefusalAwareClient

# Seconds that a broker may take to answer one who reads. Kafka waits for a silent one for 9 s, then others lead its partitions;
# with the client's default of 30 s a reader would go on waiting for it.
BROKER_TIMEOUT = 10.0


def connection_options(servers: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the options for a KafkaProducer, KafkaConsumer or KafkaAdminClient.

    :param servers: other brokers than the settings'
    """
    options: dict[str, Any] = {
        "bootstrap_servers": list(servers or settings.KAFKA_BOOTSTRAP_SERVERS),
        "security_protocol": settings.KAFKA_SECURITY_PROTOCOL,
        "kafka_client": RefusalAwareClient,
    }
    if settings.KAFKA_SECURITY_PROTOCOL.startswith("SASL_"):
        options |= {
            "sasl_mechanism": settings.KAFKA_SASL_MECHANISM,
            "sasl_plain_username": settings.KAFKA_SASL_USERNAME,
            "sasl_plain_password": settings.KAFKA_SASL_PASSWORD,
        }
    if settings.KAFKA_SECURITY_PROTOCOL.endswith("SSL"):
        options |= {
            "ssl_cafile": settings.KAFKA_SSL_CAFILE or None,
            "ssl_certfile": settings.KAFKA_SSL_CERTFILE or None,
            "ssl_keyfile": settings.KAFKA_SSL_KEYFILE or None,
        }
    return options
