from __future__ import annotations

import gzip
import json
import re
import threading
import zlib
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write import point
from influxdb_client.client.write_api import SYNCHRONOUS, WriteOptions
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.models import Source
from ingestion.tests.client import JSON, Reply, call, event
from ingestion.tests.conftest import Receiver, open_receiver
from ingestion.tests.topic import events

pytestmark = pytest.mark.services

Point: Any = point.Point  # the library has no types for it

V1, V2 = "/write?db=site", "/api/v2/write?org=us&bucket=site"
V3 = "/api/v3/write_lp?db=any"

# What Telegraf's cpu and disk inputs send, as it writes it.
TELEGRAF = b"""\
cpu,cpu=cpu0,host=server01 usage_user=1.2048192771084336,usage_idle=97.79116465863454,usage_steal=0 1700000000000000000
cpu,cpu=cpu1,host=server01 usage_user=0.6024096385542169,usage_idle=98.3935742971888,usage_steal=0 1700000000000000000
cpu,cpu=cpu-total,host=server01 usage_user=0.9,usage_idle=98.1,usage_steal=0 1700000000000000000
disk,device=sda1,fstype=ext4,host=server01,mode=rw,path=/var/lib\\ data total=499963174912i,used_percent=45.1 1700000000000000000
system,host=server01 uptime_format="12 days,  3:04" 1700000000000000000
system,host=server01 load1=0.5,n_cpus=8i 1700000000000000000
"""


def send(url: str, path: str, body: str | bytes, **headers: str) -> Reply:
    return call(url, "POST", path, body if isinstance(body, bytes) else body.encode(), headers)


def of(topic: str, source: str) -> list[dict[str, Any]]:
    return [event for event in events(topic) if event["source"] == source]


def payloads(receiver: Receiver, source: str) -> list[Any]:
    return [event["payload"] for event in of(receiver.topic, source)]


def client(url: str, **more: Any) -> InfluxDBClient:
    return InfluxDBClient(url=url, token=more.pop("token", "any"), org="us", **more)


@pytest.mark.parametrize("enable_gzip", [False, True])
def test_points_of_the_influxdb_client_are_taken(receiver: Receiver, enable_gzip: bool) -> None:
    measurement = f"client-{enable_gzip}"
    at = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    whole = Point(measurement).field("t", 21.5).field("n", 2**53 + 1).field("ok", True).field("s", 'a "b" \\ c\nd')  # noqa: FBT003
    tagged = Point(measurement).tag("room", "north 3, left").tag("sourceId", f"room-{enable_gzip}").field("t", 1.0)

    with client(receiver.url, enable_gzip=enable_gzip) as influx, influx.write_api(write_options=SYNCHRONOUS) as api:
        api.write("site", record=[whole.time(at), tagged.time(at)])
        api.write("site", record=f"{measurement} t=3.5 1772366400", write_precision=WritePrecision.S)

    assert payloads(receiver, measurement) == [
        {"n": 2**53 + 1, "ok": True, "s": 'a "b" \\ c\nd', "t": 21.5},
        {"t": 3.5},
    ]
    assert payloads(receiver, f"room-{enable_gzip}") == [{"t": 1}]
    assert [event["ts"] for event in of(receiver.topic, measurement)] == [1_772_366_400_123_456, 1_772_366_400_000_000]


def test_the_influxdb_client_finds_somebody_here(receiver: Receiver) -> None:
    with client(receiver.url) as influx:
        assert influx.ping()
        assert influx.version() == "2.7.0"
        assert influx.build() == "data-flow-engine"
        with pytest.warns(DeprecationWarning, match="ping"):
            health = influx.health()
    assert (health.name, health.status) == ("influxdb", "pass")


def test_five_thousand_points_in_one_request_are_taken(receiver: Receiver) -> None:
    lines = [f"batched n={n}i {1_700_000_000_000 + n}" for n in range(5_000)]

    with (
        client(receiver.url) as influx,
        influx.write_api(write_options=WriteOptions(batch_size=5_000, flush_interval=60_000)) as api,
    ):
        api.write("site", record=lines, write_precision=WritePrecision.MS)

    kept = of(receiver.topic, "batched")
    assert sorted(event["payload"]["n"] for event in kept) == list(range(5_000))
    assert {event["ts"] for event in kept} == {1_700_000_000_000_000 + n * 1000 for n in range(5_000)}


def test_the_influxdb_client_learns_which_line_was_dropped_and_the_others_are_kept(receiver: Receiver) -> None:
    with (
        client(receiver.url) as influx,
        influx.write_api(write_options=SYNCHRONOUS) as api,
        pytest.raises(ApiException) as caught,
    ):
        api.write("site", record=["dropped f=1 1", "dropped f=oops 2", "dropped f=3 3"])

    assert caught.value.status == 400
    assert caught.value.message.startswith("partial write: line 2: /payload/f: expected a number")
    assert payloads(receiver, "dropped") == [{"f": 1}, {"f": 3}]


def test_a_batching_client_gives_a_partial_write_up_at_once(receiver: Receiver) -> None:
    failed: list[Any] = []
    retried: list[Any] = []
    with (
        client(receiver.url) as influx,
        influx.write_api(
            write_options=WriteOptions(batch_size=2, flush_interval=60_000),
            error_callback=lambda _conf, _data, error: failed.append(error),
            retry_callback=lambda _conf, _data, error: retried.append(error),
        ) as api,
    ):
        api.write("site", record=["given-up f=1 1", "given-up f=oops 2"])

    assert ([error.status for error in failed], retried) == ([400], [])
    assert payloads(receiver, "given-up") == [{"f": 1}]


def test_what_telegraf_sends_is_a_source_for_each_series(receiver: Receiver) -> None:
    reply = send(
        receiver.url,
        V2,
        gzip.compress(TELEGRAF),
        Authorization="Token any",
        **{"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"},
    )

    assert (reply.status, reply.body) == (204, b"")
    kept = {event["source"]: event["payload"] for event in events(receiver.topic) if "server01" in event["source"]}
    assert sorted(source.rpartition("-")[0] for source in kept) == [
        "cpu:cpu-total:server01",
        "cpu:cpu0:server01",
        "cpu:cpu1:server01",
        "disk:sda1:ext4:server01:rw:-var-lib-data",
        "system:server01",
    ]
    [disk] = [payload for source, payload in kept.items() if source.startswith("disk")]
    assert disk == {"total": 499963174912, "used_percent": 45.1}
    receiver.site.wait_for(lambda: Source.objects.filter(source_id__startswith="disk:").exists(), 5)
    assert Source.objects.get(source_id__startswith="disk:").labels == {
        "measurement": "disk",
        "device": "sda1",
        "fstype": "ext4",
        "host": "server01",
        "mode": "rw",
        "path": "/var/lib data",
    }


@pytest.mark.parametrize(
    ("path", "stamp"),
    [
        (V1, 1_700_000_000_000_000_000),
        (f"{V1}&precision=n", 1_700_000_000_000_000_000),
        (f"{V1}&precision=u", 1_700_000_000_000_000),
        (f"{V1}&precision=ms&rp=autogen&consistency=all", 1_700_000_000_000),
        (f"{V1}&precision=m", 28_333_333),
        (f"{V1}&precision=h", 472_222),
        (f"{V2}&precision=us", 1_700_000_000_000_000),
        (f"{V2}&precision=s&orgID=0&whatever=else", 1_700_000_000),
        ("/api/v2/write", 1_700_000_000_000_000_000),
        ("/api/v3/write_lp?db=any", 1_700_000_000_000_000_000),
        ("/api/v3/write_lp?db=any&precision=millisecond&accept_partial=true", 1_700_000_000_000),
    ],
)
def test_a_time_is_read_in_the_precision_that_the_address_names(receiver: Receiver, path: str, stamp: int) -> None:
    source = "precise-" + "".join(filter(str.isalnum, path))

    reply = send(receiver.url, path, f"{source} f=1 {stamp}")

    assert (reply.status, reply.body) == (204, b"")
    [event] = of(receiver.topic, source)
    unit = 3_600_000_000 if "=h" in path else 60_000_000
    assert 1_700_000_000_000_000 - unit < event["ts"] <= 1_700_000_000_000_000


@pytest.mark.parametrize("body", ["", "\n\n", "# a comment\n"])
@pytest.mark.parametrize("path", [V1, V2])
def test_a_body_without_a_line_is_nothing_to_do(receiver: Receiver, path: str, body: str) -> None:
    assert send(receiver.url, path, body).status == 204


def test_a_partial_write_names_its_lines_in_the_shape_of_either_version(receiver: Receiver) -> None:
    body = "shaped f=1 1\nsecret-value\n# c\nshaped f=2 2\nshaped f=secret-value 3\n"

    second, first = send(receiver.url, V2, body), send(receiver.url, V1, body)

    assert (second.status, second.headers["content-type"]) == (400, "application/json")
    text = (
        "partial write: line 2: expected a space and fields after measurement and tags; "
        "line 5: /payload/f: expected a number, 1i, 1u, true, false, or a text in double quotes dropped=2"
    )
    assert (second.json["code"], second.json["message"], second.json["reason"]) == ("invalid", text, "invalid_line")
    assert (second.json["accepted"], second.json["rejected"]) == (2, 2)
    assert [(line["line"], line["code"]) for line in second.json["lines"]] == [(2, "invalid_line"), (5, "wrong_type")]
    assert (first.status, first.json["error"], first.json["reason"]) == (400, text, "invalid_line")
    assert b"secret-value" not in first.body + second.body
    assert payloads(receiver, "shaped") == [{"f": 1}, {"f": 2}] * 2


def test_of_many_wrong_lines_some_are_named_and_all_are_counted(receiver: Receiver) -> None:
    reply = send(receiver.url, V2, "wrong\n" * 2_500 + "one-of-many f=1 1")

    assert (reply.status, reply.json["accepted"], reply.json["rejected"]) == (400, 1, 2_500)
    assert len(reply.json["lines"]) == 10
    assert "; and 2490 more dropped=2500" in reply.json["message"]
    assert payloads(receiver, "one-of-many") == [{"f": 1}]


def bomb() -> bytes:
    return gzip.compress(b"m f=1\n" * 1_000_000)


GZIP = {"Content-Encoding": "gzip"}
REFUSALS: list[tuple[str, str, str, bytes, dict[str, str], int, str, str]] = [
    ("all lines wrong", "POST", V2, b"a\nb", {}, 400, "invalid", "invalid_line"),
    ("precision v2", "POST", f"{V2}&precision=m", b"m f=1", {}, 400, "invalid", "invalid_parameter"),
    ("precision twice", "POST", f"{V2}&precision=s&precision=ms", b"m f=1", {}, 400, "invalid", "invalid_parameter"),
    ("password", "POST", f"{V2}&u=me&p=canary", b"m f=1", {}, 401, "unauthorized", "unauthenticated"),
    ("user", "POST", f"{V2}&u=canary", b"m f=1", {}, 401, "unauthorized", "unauthenticated"),
    ("token", "POST", f"{V2}&token=canary", b"m f=1", {}, 401, "unauthorized", "unauthenticated"),
    ("wrong key", "POST", V2, b"m f=1", {"Authorization": "Token dfe_canary"}, 401, "unauthorized", "unauthenticated"),
    ("precision v3", "POST", f"{V3}&precision=minute", b"m f=1", {}, 400, "invalid", "invalid_parameter"),
    ("all or none", "POST", f"{V3}&accept_partial=false", b"m f=1", {}, 400, "invalid", "invalid_parameter"),
    ("GET", "GET", V2, b"", {}, 405, "method not allowed", "method_not_allowed"),
    ("DELETE", "DELETE", V2, b"", {}, 405, "method not allowed", "method_not_allowed"),
    ("PUT /ping", "PUT", "/ping", b"", {}, 405, "method not allowed", "method_not_allowed"),
    ("POST /health", "POST", "/health", b"", {}, 405, "method not allowed", "method_not_allowed"),
    ("too large", "POST", V2, b"#" * (5 * 1024 * 1024 + 1), {}, 413, "request too large", "body_too_large"),
    ("a gzip bomb", "POST", V2, bomb(), GZIP, 413, "request too large", "body_too_large"),
    ("too many lines", "POST", V2, b"x a=1\n" * 100_001, {}, 413, "request too large", "too_many_events"),
    ("br", "POST", V2, b"m f=1", {"Content-Encoding": "br"}, 415, "invalid", "unsupported_encoding"),
    ("no gzip", "POST", V2, b"m f=1", GZIP, 400, "invalid", "invalid_compression"),
    ("half a gzip", "POST", V2, gzip.compress(b"m f=1")[:-5], GZIP, 400, "invalid", "invalid_compression"),
    ("zlib", "POST", V2, zlib.compress(b"m f=1"), GZIP, 400, "invalid", "invalid_compression"),
]


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row[0])
def test_a_refusal_has_the_shape_of_influxdb_and_takes_nothing(receiver: Receiver, row: tuple[Any, ...]) -> None:
    _, method, path, body, headers, status, code, reason = row
    before = len(events(receiver.topic))

    reply = call(receiver.url, method, path, body, headers)

    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert (reply.json["code"], reply.json["reason"]) == (code, reason)
    assert reply.json["message"]
    assert reply.json["requestId"] == reply.headers["x-request-id"]
    assert b"canary" not in reply.body
    assert len(events(receiver.topic)) == before


def test_the_first_version_has_its_own_shape_of_a_refusal(receiver: Receiver) -> None:
    reply = send(receiver.url, f"{V1}&precision=d", "m f=1")

    assert (reply.status, reply.json["reason"]) == (400, "invalid_parameter")
    assert reply.json["error"] == "precision: expected one of ns, us, ms, s, n, u, m, h, once"
    assert "code" not in reply.json


@pytest.mark.parametrize("word", ["true", "1"])
def test_a_verbose_ping_is_answered_with_the_version_as_json(receiver: Receiver, word: str) -> None:
    reply = call(receiver.url, "GET", f"/ping?verbose={word}")

    assert (reply.status, reply.json) == (200, {"version": "2.7.0"})
    assert call(receiver.url, "GET", "/ping?verbose=false").status == 204


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_ping_is_answered_with_a_version_and_nothing_else(receiver: Receiver, method: str) -> None:
    reply = call(receiver.url, method, "/ping")

    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["x-influxdb-version"] == "2.7.0"
    assert reply.headers["x-influxdb-build"] == "data-flow-engine"


def test_a_small_body_in_chunks_is_taken(receiver: Receiver) -> None:
    pieces = iter([b"chunked f=", b"1 1\nchunk", b"ed f=2 2"])

    reply = call(receiver.url, "POST", V2, pieces)  # type: ignore[arg-type]

    assert reply.status == 204
    assert payloads(receiver, "chunked") == [{"f": 1}, {"f": 2}]


def test_a_resent_batch_has_the_same_ids_and_lines_without_a_time_have_new_ones(receiver: Receiver) -> None:
    for _ in range(2):
        assert send(receiver.url, V2, "resent f=1 1700000000000000000\nuntimed f=1\nuntimed f=1").status == 204

    assert len({event["id"] for event in of(receiver.topic, "resent")}) == 1
    assert len({event["id"] for event in of(receiver.topic, "untimed")}) == 4
    assert {event["timed"] for event in of(receiver.topic, "untimed")} == {False}


def test_a_request_id_comes_back(receiver: Receiver) -> None:
    reply = send(receiver.url, V2, "with-request-id f=1 1", **{"X-Request-ID": "order-66"})

    assert (reply.status, reply.headers["x-request-id"]) == (204, "order-66")


@pytest.mark.faults
def test_while_kafka_is_frozen_clients_are_told_to_come_again_and_lose_nothing(receiver: Receiver) -> None:
    retried = threading.Event()
    options = WriteOptions(batch_size=10, flush_interval=60_000, retry_interval=200, max_retries=20, jitter_interval=0)
    with client(receiver.url, timeout=20_000) as influx:
        receiver.site.servers.kafka.freeze()
        try:
            first, second = send(receiver.url, V1, "frozen-v1 f=1 1"), send(receiver.url, V2, "frozen-v2 f=1 1")
            health = call(receiver.url, "GET", "/health")
            api = influx.write_api(write_options=options, retry_callback=lambda *_: retried.set())
            api.write("site", record=[f"frozen n={n}i {n}" for n in range(10)])
            assert retried.wait(15)
        finally:
            receiver.site.servers.kafka.thaw()
        api.close()

    assert (first.status, first.headers["retry-after"], first.json["reason"]) == (503, "1", "broker_unavailable")
    assert (second.status, second.headers["retry-after"], second.json["code"]) == (503, "1", "unavailable")
    # Texts at which Telegraf throws its points away.
    assert not any(text in first.json["error"] for text in ("partial write", "unable to parse", "not found"))
    assert (health.status, health.json["status"]) == (503, "fail")
    assert {event["payload"]["n"] for event in of(receiver.topic, "frozen")} == set(range(10))
    receiver.site.wait_for(lambda: call(receiver.url, "GET", "/health").json["status"] == "pass", 10)


@pytest.mark.faults
def test_a_request_that_kafka_leaves_half_way_says_what_was_taken_and_may_be_sent_again(site: Deployment) -> None:
    ingest = open_receiver(site)
    body = "\n".join(f"halfway n={n}i {n}" for n in range(90_000))

    def accepted() -> float:
        page = call(ingest.url, "GET", "/metrics").body.decode()
        return float(page.rpartition("\ningestion_events_accepted_total ")[2].partition("\n")[0])

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send, ingest.url, V2, body)
        site.wait_for(lambda: accepted() > 0)
        site.servers.kafka.freeze()
        try:
            reply = first.result(timeout=20)
        finally:
            site.servers.kafka.thaw()
    site.wait_for(lambda: send(ingest.url, V2, body).status == 204, 30)

    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert re.match(r"[0-9]+000 lines were accepted, .* Send all of them again$", reply.json["message"])
    kept = of(site.raw_topic, "halfway")
    assert len({event["id"] for event in kept}) == 90_000
    assert {event["payload"]["n"] for event in kept} == set(range(90_000))


def test_a_key_is_taken_as_influxdbs_clients_send_it(site: Deployment) -> None:
    keyed = open_receiver(site, {"DATAFLOW_OPEN_INGEST": "0"})
    _, token = api_keys.create("telegraf", ["ingest"])
    _, reader = api_keys.create("grafana", ["read"])
    basic = b64encode(f"telegraf:{token}".encode()).decode()

    with client(keyed.url, token=token) as influx, influx.write_api(write_options=SYNCHRONOUS) as api:
        api.write("site", record="keyed f=1 1")
    with client(keyed.url, token=f"dfe_{'0' * 8}_{'0' * 40}") as influx:
        assert influx.ping()  # asks for no key
        with influx.write_api(write_options=SYNCHRONOUS) as api, pytest.raises(ApiException) as caught:
            api.write("site", record="keyed f=2 2")

    assert caught.value.status == 401
    assert send(keyed.url, V1, "keyed f=3 3", Authorization=f"Basic {basic}").status == 204
    assert send(keyed.url, V2, "keyed f=4 4", Authorization=f"Bearer {token}").status == 204
    assert send(keyed.url, V1, "keyed f=5 5").json["reason"] == "unauthenticated"
    forbidden = send(keyed.url, V2, "keyed f=6 6", Authorization=f"Token {reader}")
    assert (forbidden.status, forbidden.json["code"], forbidden.json["reason"]) == (403, "forbidden", "forbidden")
    assert [event["payload"]["f"] for event in of(site.raw_topic, "keyed")] == [1, 3, 4]


def test_a_source_that_may_not_send_is_a_403_alone_and_a_partial_write_among_others(site: Deployment) -> None:
    keyed = open_receiver(site, {"DATAFLOW_OPEN_INGEST": "0"})
    _, token = api_keys.create("telegraf", ["ingest"], sources=["mine", "broken"])
    Source.objects.create(source_id="broken", enabled=False)
    api_keys.push(api_keys.SOURCES)

    def write(path: str, body: str) -> Reply:
        return send(keyed.url, path, body, Authorization=f"Token {token}")

    # Checked and not taken: until the receiver has heard of it the source may send.
    sent, headers = json.dumps(event("broken")).encode(), {**JSON, "Authorization": f"Token {token}"}
    site.wait_for(lambda: call(keyed.url, "POST", "/ingest/validate", sent, headers).status == 403, 5)
    alone, foreign = write(V2, "broken f=1 1"), write(V1, "foreign f=1 1")
    mixed, wrong = write(V2, "mine f=1 1\nbroken f=1 1\nforeign f=1 1"), write(V2, "broken f=1 1\nwrong")

    assert (alone.json["code"], alone.json["reason"]) == ("forbidden", "source_disabled")
    assert (foreign.status, foreign.json["reason"]) == (403, "source_not_allowed")
    assert foreign.json["error"] == "no line was kept: line 1: the key is not for this source dropped=1"
    assert (mixed.status, mixed.json["accepted"]) == (400, 1)
    assert mixed.json["message"].startswith("partial write: line 2: this source is disabled; line 3: ")
    assert wrong.status == 400
    assert {event["source"] for event in events(site.raw_topic)} == {"mine"}


def test_past_its_rate_a_client_is_told_to_wait_by_the_status_at_which_it_keeps_its_points(site: Deployment) -> None:
    keyed = open_receiver(site, {"DATAFLOW_OPEN_INGEST": "0"})
    _, token = api_keys.create("eager", ["ingest"], rate="10:60")
    body = "\n".join(f"eager n={n}i {n}" for n in range(30))

    first = send(keyed.url, V2, body, Authorization=f"Token {token}")
    second = send(keyed.url, V2, body, Authorization=f"Token {token}")
    old = send(keyed.url, V1, body, Authorization=f"Token {token}")

    assert (first.status, first.headers["ratelimit-remaining"]) == (204, "0")
    assert (second.status, second.json["code"], second.json["reason"]) == (429, "too many requests", "rate_limited")
    assert int(second.headers["retry-after"]) > 0
    assert (old.status, old.json["reason"]) == (503, "rate_limited")
    assert int(old.headers["retry-after"]) > 0


def test_the_web_port_takes_lines_too(site: Deployment) -> None:
    web = site.start_web()
    with client(web.url) as influx, influx.write_api(write_options=SYNCHRONOUS) as api:
        assert influx.ping()
        api.write("site", record=Point("web").field("f", 1.5).time(1))
        with pytest.raises(ApiException) as caught:
            api.write("site", record="web f=oops")

    site.wait_for(lambda: call(web.url, "GET", "/health").json["status"] == "pass", 10)
    assert caught.value.status == 400
    assert (call(web.url, "HEAD", "/ping").status, call(web.url, "POST", "/ping").status) == (204, 204)
    assert [event["payload"] for event in of(site.raw_topic, "web")] == [{"f": 1.5}]
