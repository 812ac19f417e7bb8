"""Code samples that send events, with the site's address, a source and a key filled in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from ingestion.auth.source_patterns import ANY

EXAMPLE = "sensor-123"  # the source in the samples of a key for all sources

_CURL = """\
curl -i {url}/ingest -H 'Content-Type: application/json' \\
{header}  -d '{{"sourceId": {source}, "timestamp": '$(date +%s)', "payload": {{"temperature": 23.5}}}}'
"""
_PYTHON = """\
import os, time
import httpx

key = {key}
event = {{"sourceId": {source}, "timestamp": time.time_ns(), "payload": {{"temperature": 23.5}}}}
answer = httpx.post("{url}/ingest", json=event, headers={{"Authorization": f"Bearer {{key}}"}})
print(answer.status_code, answer.text)
"""
_PYTHON_OPEN = """\
import time
import httpx

event = {{"sourceId": {source}, "timestamp": time.time_ns(), "payload": {{"temperature": 23.5}}}}
answer = httpx.post("{url}/ingest", json=event)
print(answer.status_code, answer.text)
"""
_JAVASCRIPT = """\
{declared}const event = {{ sourceId: {source}, timestamp: Date.now(), payload: {{ temperature: 23.5 }} }};
const answer = await fetch("{url}/ingest", {{
  method: "POST",
  headers: {{ "Content-Type": "application/json"{header} }},
  body: JSON.stringify(event),
}});
console.log(answer.status, await answer.text());
"""
_TWICE = """\
id=$(python3 -c 'import uuid; print(uuid.uuid4())')
for temperature in 23.5 99; do
  curl -i {url}/ingest -H 'Content-Type: application/json' \\
{header}    -d '{{"sourceId": {source}, "eventId": "'$id'", "timestamp": "{at}", "payload": {{"temperature": '$temperature'}}}}'
done
"""
_GRPCURL = """\
grpcurl {options}\\
  -d '{{"event": {{"source_id": {source}, "timestamp_epoch": '$(date +%s)',
       "payload": "'$(printf '{{"temperature": 23.5}}' | base64)'"}}}}' \\
  {host}:{grpc_port} dataflow.ingest.v1.Ingestion/Ingest
"""
_TELEGRAF = """\
# Everything goes out as line protocol; an input that is given line protocol itself says data_format = "influx".
[global_tags]
  sourceId = {source}

[[outputs.influxdb_v2]]
  urls = ["{url}"]
{token}  organization = "any"
  bucket = "any"
"""


class CodeSample(NamedTuple):
    """A code sample with its title."""

    title: str
    text: str


class Address(NamedTuple):
    """The address of the receivers, as seen by the user of a page."""

    host: str
    is_secure: bool

    @property
    def url(self) -> str:
        scheme = "https" if self.is_secure else "http"
        return f"{scheme}://{self.host}:{settings.INGESTION_SERVICE_PORT}"


def address_of(request: HttpRequest) -> Address:
    """Return the receivers' address, derived from that of a page."""
    host = urlsplit(f"//{request.get_host()}").hostname or "localhost"
    return Address(f"[{host}]" if ":" in host else host, request.is_secure())


def example_source(patterns: Sequence[str]) -> str:
    """Return a source that a key may send for.

    :param patterns: the key's; empty: it is for all sources
    """
    first = patterns[0] if patterns else ANY
    return EXAMPLE if first == ANY else first.replace(ANY, "1")


def code_samples(address: Address, *, source: str, key: str | None = None) -> list[CodeSample]:
    """Return one sample for each protocol.

    :param source: a source id; none of the characters that it may contain is special between quotes
    :param key: a token to include; None: the sample reads it from the environment, or has none if the site is open
    """
    json_source, is_open = json.dumps(source), _is_open(key)
    return [
        CodeSample("curl", _CURL.format(url=address.url, source=json_source, header=_curl_header(key, indent=2))),
        CodeSample("Python, with httpx", _python(address, json_source, key)),
        CodeSample("JavaScript, with fetch", _javascript(address, json_source, key)),
        CodeSample("grpcurl", _grpcurl(address, json_source, key)),
        CodeSample(
            "Telegraf",
            _TELEGRAF.format(
                url=address.url,
                source=json_source,
                token="" if is_open else f'  token = "{key or "${DATAFLOW_KEY}"}"\n',
            ),
        ),
    ]


def conflict_sample(address: Address, *, source: str, key: str | None, at: str) -> CodeSample:
    """Return a sample that sends two events with one id and different content: the second becomes a dead letter.

    :param at: the time of both, RFC 3339
    """
    text = _TWICE.format(url=address.url, source=json.dumps(source), header=_curl_header(key, indent=4), at=at)
    return CodeSample("Two events with one id", text)


def _is_open(key: str | None) -> bool:
    """Return whether a sample works without a key."""
    return key is None and settings.DATAFLOW_OPEN_INGEST


def _curl_header(key: str | None, *, indent: int) -> str:
    return "" if _is_open(key) else f'{" " * indent}-H "Authorization: Bearer {key or "$DATAFLOW_KEY"}" \\\n'


def _python(address: Address, source: str, key: str | None) -> str:
    if _is_open(key):
        return _PYTHON_OPEN.format(url=address.url, source=source)
    return _PYTHON.format(url=address.url, source=source, key=json.dumps(key) if key else 'os.environ["DATAFLOW_KEY"]')


def _javascript(address: Address, source: str, key: str | None) -> str:
    declared = f"const key = {json.dumps(key) if key else 'process.env.DATAFLOW_KEY'};\n"
    header = ", Authorization: `Bearer ${key}`"
    if _is_open(key):
        declared = header = ""
    return _JAVASCRIPT.format(url=address.url, source=source, declared=declared, header=header)


def _grpcurl(address: Address, source: str, key: str | None) -> str:
    plain = "" if address.is_secure else "-plaintext "
    header = "" if _is_open(key) else f'-H "Authorization: Bearer {key or "$DATAFLOW_KEY"}" '
    return _GRPCURL.format(
        options=plain + header, source=source, host=address.host, grpc_port=settings.GRPC_SERVICE_PORT
    )
