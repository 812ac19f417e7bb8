"""How every client connects to Redis: from REDIS_URL, or from REDIS_ADDR and the settings beside it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from dataflow_site.environment.env import env

# The parameters of a URL, as redis-py names them; each has a setting as well.
FILES = {"ssl_ca_certs": "REDIS_SSL_CAFILE", "ssl_certfile": "REDIS_SSL_CERTFILE", "ssl_keyfile": "REDIS_SSL_KEYFILE"}
PORT = 6_379  # of a URL without one


class InvalidUrl(ImproperlyConfigured):
    """REDIS_URL can't be used. The text has nothing of it: it may hold a password."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"REDIS_URL: {problem}; expected redis://user:password@host:port/0, or rediss:// for TLS")


def connection(address: str, *, database: int, password: str) -> dict[str, Any]:
    """Return the options of redis-py's clients.

    :param address: host and port if REDIS_URL is not set
    :param password: if REDIS_URL has none
    :raises InvalidUrl: REDIS_URL has another form
    """
    url = env.str("REDIS_URL", "")
    username = env.str("REDIS_USERNAME", "")
    files = {option: env.str(name, "") for option, name in FILES.items()}
    host, _, port = address.rpartition(":")
    found: dict[str, Any] = {
        "host": host.strip("[]"),
        # A port that is none is reported by the checks.
        "port": int(port) if port.isdecimal() else 0,
        "db": database,
        "username": username or None,
        "password": password or None,
    }
    if not url:
        return found
    found |= _of_url(url)
    files |= found.pop("files")
    if found.pop("encrypted"):
        found |= {"ssl": True, **{option: path for option, path in files.items() if path}}
    return found


def address_of(found: dict[str, Any]) -> str:
    """Return `host:port` of a connection."""
    host = f"[{found['host']}]" if ":" in found["host"] else found["host"]
    return f"{host}:{found['port']}"


def cache_options(found: dict[str, Any]) -> dict[str, Any]:
    """Return the same connection as django-redis wants it: a location, and the rest as options."""
    scheme = "rediss" if found.get("ssl") else "redis"
    return {
        "LOCATION": f"{scheme}://{address_of(found)}/{found['db']}",
        "OPTIONS": {
            "USERNAME": found["username"],
            "PASSWORD": found["password"],
            "CONNECTION_POOL_KWARGS": {name: value for name, value in found.items() if name in FILES},
        },
    }


def _of_url(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port or PORT
    except ValueError:
        # Not chained: the message holds a part of the address.
        raise InvalidUrl("it is no address") from None
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise InvalidUrl("it is no address")
    parameters = dict(parse_qsl(parts.query))
    if not set(parameters) <= set(FILES):
        raise InvalidUrl(f"the only parameters are {', '.join(FILES)}")
    number = parts.path.strip("/") or "0"
    if not number.isdecimal():
        raise InvalidUrl("its path is no number of a database")
    # A password need not stand in the address: REDIS_PASSWORD.
    given = {name: unquote(text) for name in ("username", "password") if (text := getattr(parts, name))}
    return {
        "host": unquote(parts.hostname),
        "port": port,
        "db": int(number),
        **given,
        "encrypted": parts.scheme == "rediss",
        "files": parameters,
    }
