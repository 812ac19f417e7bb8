"""The scope of a request, as ASGI describes it: https://asgi.readthedocs.io/en/latest/specs/www.html"""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

import httptools
from uvicorn import Config

from ingestion.http.asgi_cycle import Message
from ingestion.problems import Header


def build_scope(
    parser: httptools.HttpRequestParser,
    url: bytes,
    headers: list[Header],
    transport: asyncio.Transport,
    config: Config,
) -> Message:
    """Return the scope of a request whose head was read, without the application's state."""
    address = httptools.parse_url(url)
    return {
        "type": "http",
        "asgi": {"version": config.asgi_version, "spec_version": "2.3"},
        "http_version": parser.get_http_version(),
        "server": _address(transport.get_extra_info("sockname")),
        "client": _address(transport.get_extra_info("peername")),
        "scheme": "https" if transport.get_extra_info("sslcontext") else "http",
        "method": parser.get_method().decode("ascii"),
        "root_path": config.root_path,
        "path": config.root_path + unquote(address.path.decode("ascii")),
        "raw_path": config.root_path.encode("ascii") + address.path,
        "query_string": address.query or b"",
        "headers": headers,
    }


def _address(given: object) -> tuple[object, ...] | None:
    return given[:2] if isinstance(given, tuple) else None
