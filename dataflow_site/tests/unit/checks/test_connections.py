"""Wrong settings of TLS and users are found, and no finding repeats a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.views.debug import get_default_exception_reporter_filter
from pytest_django.fixtures import Settings

from dataflow_site.checks.connections import connections, mongodb
from dataflow_site.environment import redis_settings

SECRET = "s3cr:et"
SASL = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "sensors", "KAFKA_SASL_PASSWORD": SECRET}


def messages() -> list[str]:
    found = [*connections(None), *mongodb(None)]
    assert all(finding.hint for finding in found)
    assert not any(SECRET in f"{finding.msg} {finding.hint}" for finding in found)
    return [finding.msg for finding in found]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL is no protocol."),
        ({**SASL, "KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM is no mechanism."),
        ({**SASL, "KAFKA_SASL_USERNAME": ""}, "KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is empty."),
        (
            {**SASL, "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
            "Kafka's user and all events are sent without encryption.",
        ),
        ({"KAFKA_SSL_CAFILE": "/nowhere"}, "KAFKA_SSL_CAFILE names no file that can be read."),
        ({"KAFKA_SSL_CERTFILE": __file__}, "Of our certificate for KAFKA_SSL_… and its key one is missing."),
        ({"POSTGRES_TLS": {"sslmode": "on"}}, "POSTGRES_SSLMODE is no mode of libpq."),
        ({"POSTGRES_HOST": "a,b", "POSTGRES_PORT": "1,2,3"}, "POSTGRES_PORT has 3 ports, POSTGRES_HOST 2 hosts."),
        ({"POSTGRES_HOST": "a", "POSTGRES_PORT": "1,2"}, "POSTGRES_PORT has 2 ports, POSTGRES_HOST 1 hosts."),
        ({"POSTGRES_TLS": {"sslmode": "verify-full"}}, "POSTGRES_SSLMODE=verify-full needs POSTGRES_SSLROOTCERT."),
        ({"MONGO_URI": f"mongodb://sensors:{SECRET}/x@host:27017"}, "MONGO_URI can't be parsed."),
        ({"MONGO_URI": f"mongodb://sensors:{SECRET}@host:27017"}, "MONGO_URI can't be parsed."),
    ],
)
def test_a_wrong_setting_is_found(settings: Settings, changes: dict[str, object], message: str) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)

    assert messages() == [message]


def test_right_settings_are_right(settings: Settings) -> None:
    for name, value in SASL.items():
        setattr(settings, name, value)
    settings.KAFKA_SSL_CAFILE = __file__
    settings.POSTGRES_TLS = {"sslmode": "verify-full", "sslrootcert": "system"}
    settings.POSTGRES_HOST, settings.POSTGRES_PORT = "a,b,c", 5432
    settings.MONGO_URI = "mongodb://sensors:s3cr%3Aet@host:27017/?tls=true"

    assert messages() == []


@pytest.fixture(autouse=True)
def _no_redis_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_SSL_CAFILE"):
        monkeypatch.setenv(name, "")


def test_the_url_of_redis_goes_before_its_other_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = str(tmp_path / "ca.pem")
    monkeypatch.setenv("REDIS_URL", "rediss://sensors:s3cr%3Aet@[::1]:6380/3")
    monkeypatch.setenv("REDIS_SSL_CAFILE", authority)

    found = redis_settings.connection("here:6379", database=0, password="another")

    assert found == {
        "host": "::1",
        "port": 6380,
        "db": 3,
        "username": "sensors",
        "password": SECRET,
        "ssl": True,
        "ssl_ca_certs": authority,
    }
    assert redis_settings.cache_options(found)["LOCATION"] == "rediss://[::1]:6380/3"
    assert SECRET not in redis_settings.cache_options(found)["LOCATION"]


def test_the_password_of_redis_need_not_stand_in_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://sensors@here")

    found = redis_settings.connection("", database=0, password=SECRET)

    assert (found["host"], found["port"], found["username"], found["password"]) == ("here", 6379, "sensors", SECRET)
    assert "ssl" not in found


@pytest.mark.parametrize(
    "url",
    [
        f"http://u:{SECRET}@here",
        f"redis://u:{SECRET}@here:port",
        f"redis://u:{SECRET}@",
        f"redis://u:{SECRET}@here/first",
        f"rediss://u:{SECRET}@here?ssl_cert_reqs=none",
        f"redis://u:{SECRET}/@here",
        f"redis://[{SECRET}",
    ],
)
def test_a_url_of_redis_that_cant_be_used_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("REDIS_URL", url)

    with pytest.raises(ImproperlyConfigured, match="REDIS_URL") as refused:
        redis_settings.connection("", database=0, password="")

    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_page_of_an_error_shows_no_password_of_a_server(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MONGO_URI = f"mongodb://sensors:{SECRET}@host"
    settings.REDIS_CONNECTION = {**settings.REDIS_CONNECTION, "password": SECRET}
    settings.KAFKA_SASL_PASSWORD = settings.POSTGRES_PASSWORD = settings.REDIS_PASSWORD = SECRET
    settings.CACHES = {"default": {**settings.CACHES["default"], "OPTIONS": {"PASSWORD": SECRET}}}
    monkeypatch.setitem(settings.DATABASES["default"], "PASSWORD", SECRET)

    shown = get_default_exception_reporter_filter().get_safe_settings()

    assert SECRET not in str(shown)
