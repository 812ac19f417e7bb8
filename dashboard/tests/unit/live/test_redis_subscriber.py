"""What others write to the live channel stops nothing."""

from __future__ import annotations

import pytest

from dashboard.live import redis_subscriber
from ingestion.acceptance import heartbeat
from processing.live_feed import ConsumerFrame

ODD = [b"", b"\xff", b"{", b"{}", b"null", b'{"sources":"\xd4"}', b"[" * 100_000]


@pytest.mark.parametrize("data", ODD, ids=range(len(ODD)))
def test_what_is_no_frame_is_passed_over(data: bytes) -> None:
    taken: list[ConsumerFrame] = []

    redis_subscriber._take({"type": "message", "data": data}, taken.append)

    assert taken == []
    assert heartbeat.decode("a-1", data) is None
