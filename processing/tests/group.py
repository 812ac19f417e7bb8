"""The consumer group as its broker sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from kafka.admin import KafkaAdminClient, MemberToRemove
from kafka.errors import CoordinatorNotAvailableError


def expel_members(group: str) -> None:
    """Do at once what the session timeout does to members that were killed."""
    with _client() as client:
        members = client.describe_groups([group])[group]["members"]
        if members:
            client.remove_group_members(group, [MemberToRemove(member_id=member["member_id"]) for member in members])


def committed(group: str) -> dict[int, int]:
    """The group's offsets by partition."""
    with _client() as client:
        try:
            found = client.list_group_offsets(group)[group]
        except CoordinatorNotAvailableError:
            # The broker is still making its topic of offsets: none are committed.
            return {}
    return {at.partition: offset.offset for at, offset in found.items()}


@contextmanager
def _client() -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS)
    try:
        yield client
    finally:
        client.close()
