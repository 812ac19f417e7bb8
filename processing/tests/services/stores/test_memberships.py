"""Who reads which partitions, as consumers note it with their heartbeats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deploy.testing.deployment import Deployment
from processing.models import ConsumerAssignment, ConsumerMember
from processing.stores.accounting import memberships
from processing.stores.row_store import RowStore

pytestmark = pytest.mark.services

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_change_of_what_is_read_is_kept_once_and_a_held_partition_or_a_heartbeat_is_none(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = RowStore()

    def beat(member: str, partitions: list[int], seconds: float, *, held: tuple[int, ...] = ()) -> None:
        rows.heartbeat(member, partitions, START + timedelta(seconds=seconds), "running", held=held)

    beat("a", [0, 1], 2)
    beat("a", [0], 2, held=(1,))
    beat("a", [0], 100)
    beat("b", [1], 101)
    ConsumerMember.objects.filter(member="b").update(heartbeat=START + timedelta(seconds=200))
    beat("a", [0, 1], 212)
    beat("b", [], 300)
    rows.remove_member("a")
    kept = list(ConsumerAssignment.objects.order_by("id").values_list("member", "kind", "partitions"))
    at = dict(ConsumerAssignment.objects.values_list("kind", "at"))
    monkeypatch.setattr(memberships, "_FORGET", memberships._FORGET.replace("500", "2"))
    memberships.forget(rows.connection)
    rows.close()

    assert kept == [
        ("a", "joined", [0, 1]), ("a", "changed", [0]), ("b", "joined", [1]), ("a", "changed", [0, 1]), ("b", "lost", []),
        ("b", "joined", []), ("a", "left", []),
    ]  # fmt: skip
    assert at["lost"] == START + timedelta(seconds=200)
    assert ConsumerAssignment.objects.count() == 2
