"""What a failed connection to Kafka means; real brokers are in processing/tests/faults/test_secured_servers.py."""

from __future__ import annotations

import ssl

import pytest
from kafka import errors
from pytest_django.fixtures import Settings

from ingestion.kafka.connection_options import connection_options
from ingestion.kafka.refusals import _data_before_error, refusal

SECRET = "the password that someone sent"


def untrusted() -> ssl.SSLCertVerificationError:
    return ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")


def of_openssl(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


def behind(cause: Exception) -> errors.KafkaConnectionError:
    """As the client raises it: the cause as context."""
    outer = errors.KafkaConnectionError(f"Handshake failed: {SECRET}")
    outer.__context__ = cause
    return outer


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (behind(untrusted()), "KAFKA_SSL_CAFILE"),
        (behind(of_openssl("WRONG_VERSION_NUMBER")), "KAFKA_SECURITY_PROTOCOL"),
        (errors.KafkaConnectionError(of_openssl("TLSV13_ALERT_CERTIFICATE_REQUIRED")), "KAFKA_SSL_CERTFILE"),
        (errors.SaslAuthenticationFailedError(SECRET), "KAFKA_SASL_PASSWORD"),
        (errors.UnsupportedSaslMechanismError(SECRET), "KAFKA_SASL_MECHANISM"),
    ],
)
def test_a_lasting_refusal_names_the_settings_and_repeats_nothing(error: Exception, named: str) -> None:
    found = refusal(error)

    assert found is not None
    assert named in str(found)
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    "error",
    [
        errors.KafkaConnectionError("socket disconnected"),
        errors.KafkaTimeoutError(),
        ConnectionRefusedError(111, "refused"),
        behind(of_openssl("UNEXPECTED_EOF_WHILE_READING")),
    ],
)
def test_what_may_pass_by_itself_is_no_refusal(error: Exception) -> None:
    assert refusal(error) is None


def test_an_answer_that_came_with_the_end_of_the_connection_is_read_before_the_end() -> None:
    ended = errors.KafkaConnectionError("socket disconnected")
    receive = _data_before_error(lambda: (b"refused", ended))

    assert receive() == (b"refused", None)
    assert receive() == (b"", ended)


def test_users_and_files_are_given_to_the_client_for_the_protocols_that_have_them(settings: Settings) -> None:
    settings.KAFKA_SASL_USERNAME, settings.KAFKA_SASL_PASSWORD, settings.KAFKA_SSL_CAFILE = "sensors", "x", "/ca.pem"
    given = {}
    for protocol in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"):
        settings.KAFKA_SECURITY_PROTOCOL = protocol
        given[protocol] = {name.partition("_")[0] for name in connection_options() if name.startswith(("ssl", "sasl"))}

    assert given == {"PLAINTEXT": set(), "SSL": {"ssl"}, "SASL_PLAINTEXT": {"sasl"}, "SASL_SSL": {"ssl", "sasl"}}


def test_every_client_of_the_product_takes_its_connection_from_one_place(settings: Settings) -> None:
    found = {
        str(path.relative_to(settings.BASE_DIR))
        for app in ("ingestion", "processing", "queries", "dashboard", "dataflow_site")
        for path in (settings.BASE_DIR / app).rglob("*.py")
        if "tests" not in path.relative_to(settings.BASE_DIR).parts
        and "bootstrap_servers" in path.read_text(encoding="utf-8")
    }

    assert found == {"ingestion/kafka/connection_options.py"}
