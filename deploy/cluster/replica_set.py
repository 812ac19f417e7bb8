"""MongoDB as a replica set of three members."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.cluster.group import Group
from deploy.local.process import DidNotStart
from deploy.local.servers.mongo import MongoDB

NAME = "dataflow"
CACHE = "0.25"  # GB, the least that MongoDB takes
OPLOG = "200"  # MB
PATIENCE = 60.0  # seconds until a set without a primary counts as failed
_NOBODY_CAUGHT_UP = 262
_ALREADY_INITIALIZED = 23  # https://www.mongodb.com/docs/manual/reference/error-codes/


class Member(MongoDB):
    """One `mongod` of the set."""

    @property
    def uri(self) -> str:
        """Return the address of this member alone."""
        return f"mongodb://{self.address}/?directConnection=true"

    def command(self) -> list[str]:
        """Return the command line of `mongod`."""
        # By default a primary waits 15 s for another member to take its place, which ends at the same time.
        return [*super().command(), "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=2000"]


class ReplicaSet(Group, MongoDB):
    """The members, and the set that they form."""

    def __init__(self, *, ports: Sequence[int], folder: Path) -> None:
        super().__init__(port=ports[0], folder=folder)
        options = {"replSet": NAME, "wiredTigerCacheSizeGB": CACHE, "oplogSize": OPLOG}
        self._members = [
            Member(port=port, folder=folder / f"member-{number}", options=options)
            for number, port in enumerate(ports, 1)
        ]

    @property
    def members(self) -> Sequence[Member]:
        """Return the members, whoever is the primary."""
        return self._members

    @property
    def address(self) -> str:
        """Return the addresses of all members."""
        return ",".join(member.address for member in self.members)

    @property
    def uri(self) -> str:
        """Return the connection string: what is written is confirmed by a majority, each with its journal."""
        return f"mongodb://{self.address}/?replicaSet={NAME}&w=majority&journal=true"

    def await_ready(self) -> None:
        """Wait until all members answer, form the set once, and wait until it has a primary.

        :raises DidNotStart: a member ended, or there is no primary in time
        """
        super().await_ready()
        self._form()
        deadline = time.monotonic() + PATIENCE
        while self.primary() is None:
            if time.monotonic() > deadline:
                raise DidNotStart(f"MongoDB's set has no primary after {PATIENCE:.0f} s")
            time.sleep(0.1)

    def primary(self) -> Member | None:
        """Return the member that takes writes now; None while they vote."""
        return next((member for member in self.members if member.running and _is_primary(member)), None)

    def step_down(self) -> None:
        """Make the primary give way to another member.

        Until the time is over for which those that gave way before may not be elected, there may be nobody to give way to.
        """
        primary, deadline = self.primary(), time.monotonic() + PATIENCE
        assert primary is not None
        while True:
            try:
                _ask(primary, {"replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5})
            except OperationFailure as error:
                if error.code != _NOBODY_CAUGHT_UP or time.monotonic() > deadline:
                    raise
            else:
                return

    def _form(self) -> None:
        members = [{"_id": number, "host": member.address} for number, member in enumerate(self.members)]
        try:
            _ask(self.members[0], {"replSetInitiate": {"_id": NAME, "members": members}})
        except OperationFailure as error:
            if error.code != _ALREADY_INITIALIZED:
                raise


def _is_primary(member: Member) -> bool:
    try:
        return bool(_ask(member, {"hello": 1}).get("isWritablePrimary"))
    except PyMongoError:
        return False


def _ask(member: Member, command: dict[str, Any]) -> dict[str, Any]:
    with MongoClient[dict[str, Any]](member.uri, serverSelectionTimeoutMS=1_000, socketTimeoutMS=15_000) as client:
        return client.admin.command(command)
