"""What all answers of the ingest server have in common, over real sockets."""

from __future__ import annotations

import pytest

from ingestion.tests.bad_inputs import GOOD, ROWS, post
from ingestion.tests.unit.receivers.wire import talk


async def test_every_422_of_one_event_says_where_and_why(port: int) -> None:
    rows = [row for row in ROWS if row.status == 422 and row.code != "nothing_accepted"]
    batch = post(GOOD, kind="application/cloudevents-batch+json")

    replies = await talk(port, *[row.wire for row in rows], batch, count=len(rows) + 1)

    assert [reply.status for reply in replies] == [422] * len(replies)
    codes = [[error["code"] for error in reply.json["errors"]] for reply in replies]
    assert codes == [*[[row.code] for row in rows], ["not_an_event"]]
    assert all(reply.json["errors"][0]["detail"] for reply in replies)


@pytest.mark.parametrize("path", ["/ingest/", "/ingest/validate/", "/write/", "/api/v3/write_lp/", "/ping/"])
async def test_a_slash_at_the_end_of_an_address_changes_nothing(port: int, path: str) -> None:
    plain, slashed = await talk(port, post(b"", path=path[:-1]), post(b"", path=path), count=2)
    [other] = await talk(port, post(b"", path=f"{path}/"))

    assert plain.status == slashed.status
    assert plain.status != 404 == other.status


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("db=site", b"cpu v=1 1700000000\ncpu v=2 1700000000123456789", 204),
        ("precision=auto&accept_partial=true&no_sync=true", b"cpu v=1 1700000000", 204),
        ("precision=second", b"cpu v=1 1700000000", 204),
        ("precision=second", b"cpu v=1 1700000000123456789", 400),
        ("precision=hours", b"cpu v=1 1", 400),
    ],
)
async def test_version_3_of_influxdb_reads_times_as_its_precision_says(
    port: int, query: str, body: bytes, status: int
) -> None:
    [reply] = await talk(port, post(body, kind="text/plain", path=f"/api/v3/write_lp?{query}"))

    assert reply.status == status
