"""The values of an export are those of GET /data, in every format."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from deploy.testing.deployment import Deployment
from processing.models import Event
from queries.request.times import format_time
from queries.tests.exported import exported, lines, parquet, table
from queries.tests.stored import NOON, as_json, get, make_event, store

pytestmark = pytest.mark.services

VALUES: list[Any] = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n", "\uff1d1"),
    *(
        'a "quote", a comma',
        "two\r\nlines",
        "Grüße 日本 🎈",
        "",
        " ",
        "\\N",
        "back\\slash\\t",
        "\u2028\x7f\x01",
        "1",
        "null",
    ),
    *(0, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 1.0, -0.5, 0.1, 1e300, -1e300, 1e19, 5e-324, 0.1234567890123456789),
    *(None, True, False, [], {}, [1, "a", None], {"b": {"=c": [1e300]}}),
]


@pytest.fixture(scope="module")
def events(module_site: Deployment) -> list[dict[str, Any]]:
    """One event for each value, with and without fractions of seconds and tags; as GET /data has them."""
    step = timedelta(seconds=1, microseconds=500_000)
    made = [
        make_event(ts=NOON + number * step, payload={"v": value, "n": number}) for number, value in enumerate(VALUES)
    ]
    made.append(make_event(ts=NOON + timedelta(hours=1), payload={}))
    made[0].tags = ["late", 'with "quotes", \\ and Ü']
    made[1].tags = []
    store(*made)
    found: list[dict[str, Any]] = get("/data?order=asc&limit=1000")["results"]
    assert len(found) == len(made)
    return found


@pytest.fixture(scope="module", autouse=True)
def _database(module_site: Deployment) -> None:
    """Every test here reads the same events."""


def test_ndjson_has_each_event_as_get_data_has_it(events: list[dict[str, Any]]) -> None:
    assert list(map(as_json, lines(exported()))) == list(map(as_json, events))


def test_csv_has_each_event_with_its_payload_and_tags_as_json(events: list[dict[str, Any]]) -> None:
    rows = table(exported("format=csv"))

    found = [{**row, "payload": json.loads(row["payload"]), "tags": json.loads(row["tags"])} for row in rows]
    assert list(map(as_json, found)) == list(map(as_json, events))


def test_parquet_has_times_tags_and_payloads_as_json(events: list[dict[str, Any]]) -> None:
    rows = parquet(exported("format=parquet"))

    for row in rows:
        row["payload"] = json.loads(row["payload"])
        row |= {name: format_time(row[name]) for name in ("timestamp", "receivedAt", "storedAt")}
    assert list(map(as_json, rows)) == list(map(as_json, events))


def test_duckdb_reads_the_same_as_pyarrow(events: list[dict[str, Any]], tmp_path: Path) -> None:
    import duckdb  # noqa: PLC0415 - 40 MB, for this test alone

    file = tmp_path / "events.parquet"
    file.write_bytes(exported("format=parquet"))
    with duckdb.connect() as database:
        found = database.execute(f"SELECT eventId, epoch_us(timestamp), tags, payload FROM '{file}'").fetchall()

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for (id_, micros, tags, payload), event in zip(found, events, strict=True):
        assert format_time(epoch + timedelta(microseconds=micros)) == event["timestamp"]
        assert (id_, tags, as_json(json.loads(payload))) == (event["eventId"], event["tags"], as_json(event["payload"]))


def test_a_projection_of_ndjson_is_that_of_get_data(events: list[dict[str, Any]]) -> None:
    fields = urlencode({"fields": "v.b.=c,n,nothing"})

    assert lines(exported(fields)) == get(f"/data?order=asc&limit=1000&{fields}")["results"]


def as_cell(value: Any) -> str:
    """Return the cell of a value, as docs/export.md has it."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(tuple("=+-@\t\r\n\uff1d")) else value
    return "" if value is None else json.dumps(value)


def test_a_csv_of_fields_has_texts_as_they_are_and_formulas_made_safe(events: list[dict[str, Any]]) -> None:
    rows = table(exported("format=csv&fields=v,n,nothing"))

    assert list(rows[0])[-3:] == ["v", "n", "nothing"]
    for row, event in zip(rows, events, strict=True):
        value = event["payload"].get("v")
        if isinstance(value, str | None):
            assert row["v"] == as_cell(value)
        else:
            assert as_json(json.loads(row["v"])) == as_json(value)
        assert (row["n"], row["nothing"]) == (as_cell(event["payload"].get("n")), "")


def test_a_csv_tells_an_empty_text_from_none(events: list[dict[str, Any]]) -> None:
    text = exported("format=csv&fields=v")

    assert text.count(b',[],""\r\n') == VALUES.count("")
    # null, and the event that does not have the field
    assert text.count(b",[],\r\n") == 2


def test_formulas_stay_as_they_are_where_the_setting_says_so(events: list[dict[str, Any]], settings: Any) -> None:
    settings.DATAFLOW_CSV_SAFE_CELLS = False

    assert table(exported("format=csv&fields=v"))[0]["v"] == "=1+1"


def test_the_name_of_a_column_is_made_safe_too_and_is_there_once(events: list[dict[str, Any]]) -> None:
    rows = table(exported("format=csv&" + urlencode({"fields": "=k,eventId,payload.eventId"})))

    assert list(rows[0])[-3:] == ["'=k", "payload.eventId", "payload.payload.eventId"]


def test_a_field_in_parquet_is_a_number_with_whatever_it_does_not_say_beside_it(events: list[dict[str, Any]]) -> None:
    rows = parquet(exported("format=parquet&fields=v,nothing"))

    for row, event in zip(rows, events, strict=True):
        number, text = row["v"], row["v:json"]
        assert (row["nothing"], row["nothing:json"]) == (None, None)
        if "v" not in event["payload"]:
            assert (number, text) == (None, None)
            continue
        value = event["payload"]["v"]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        assert number == (float(value) if is_number else None)
        # Nothing is lost: the number is exact, or the JSON is there.
        assert as_json(json.loads(text)) == as_json(value) if text is not None else number == value


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_an_export_of_nothing_is_whole(events: list[dict[str, Any]], form: str) -> None:
    found = exported(f"format={form}&source_id=nobody")

    assert {"ndjson": lines, "csv": table, "parquet": parquet}[form](found) == []
    assert found.startswith({"ndjson": b"", "csv": b"eventId,sourceId,timestamp,", "parquet": b"PAR1"}[form])


def test_the_lines_of_a_csv_end_as_rfc_4180_has_them(events: list[dict[str, Any]]) -> None:
    text = exported("format=csv")

    assert text.endswith(b"\r\n")
    # Line feeds of payloads are escaped, so that each one left ends a line.
    assert text.count(b"\r\n") == text.count(b"\n") == len(events) + 1


def test_events_of_one_time_are_in_the_order_of_get_data(events: list[dict[str, Any]]) -> None:
    store(*(make_event(source, ts=NOON - timedelta(days=1)) for source in ("b", "a", "b", "a")))
    try:
        for order in ("asc", "desc"):
            query = f"order={order}&source_id=a&source_id=b"
            assert lines(exported(query)) == get(f"/data?{query}")["results"]
    finally:
        Event.objects.filter(source_id__in=["b", "a"]).delete()
