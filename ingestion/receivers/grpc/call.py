"""A call's metadata and deadline, and how the call is ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import grpc
from django.conf import settings
from google.rpc.status_pb2 import Status

from ingestion.acceptance.accept import acceptance
from ingestion.acceptance.caller import Caller
from ingestion.auth.api_keys import Grant
from ingestion.events.batch import KEPT_BYTES
from ingestion.problems import Code, Header, RequestRejected
from ingestion.receivers.grpc import statuses
from ingestion.receivers.grpc.message_budget import message_budget
from ingestion.receivers.grpc.open_calls import address, open_calls
from ingestion.refusals.attempt import Attempt, Way
from ingestion.runtime import request_context

Context = grpc.aio.ServicerContext[bytes, bytes]

DETAILS = "grpc-status-details-bin"  # where clients look for a google.rpc.Status


class Call:
    """One call, from its metadata to its trailers."""

    def __init__(self, context: Context, method: str) -> None:
        self.context = context
        self.grant: Grant | None = None  # of the last admission
        self.method = method
        self._message = b"", 0  # the beginning of the only message, and its bytes
        self.head = {_bytes(name): _bytes(value) for name, value in context.invocation_metadata() or ()}
        self._given = request_context.begin(self.head)
        remaining: float | None = context.time_remaining()
        self._deadline = None if remaining is None else acceptance().loop.time() + remaining
        self._place: str | None = None  # of the open calls

    async def admit(self) -> Caller:
        """Authenticate the caller and take a place, before anything is read of what it sends.

        :raises RequestRejected: as Acceptance.admit(); the caller, or all callers together, have too many open calls
        """
        caller = await self.authenticate()
        self.enter(caller.grant.key)
        return caller

    async def authenticate(self) -> Caller:
        """Authenticate the caller.

        :raises RequestRejected: as Acceptance.admit()
        """
        caller = await acceptance().admit(self.head)
        self.grant = caller.grant
        return caller

    def attempt(self, message: bytes | None = None) -> Attempt:
        """Return what is known of the call, for the example that is kept of a refusal.

        :param message: that is refused; None: the only one, if it is read
        """
        beginning, size = self._message if message is None else (message[:KEPT_BYTES], len(message))
        return Attempt(Way.GRPC, self.method, self.grant, beginning, size if beginning else None)

    def enter(self, key: str) -> None:
        """Take a place among the open calls, of a key or of the client's address.

        :param key: its prefix; empty: it is not known
        :raises RequestRejected: there is none
        """
        place = key or address(self.context.peer())
        open_calls().enter(place)
        self._place = place

    def leave(self) -> None:
        """Give the place back, if it was taken."""
        if self._place is not None:
            open_calls().leave(self._place)
            self._place = None

    def deadline(self) -> float:
        """Return the deadline for a message that is complete now, on the loop's clock: the client's or the site's."""
        ours = acceptance().deadline()
        return ours if self._deadline is None else min(self._deadline, ours)

    def trail(self, headers: Iterable[Header]) -> None:
        """Send the metadata of a successful answer."""
        trailers = _metadata(headers)
        if self._given is not None:
            trailers.append(("x-request-id", self._given.decode()))
        if trailers:
            self.context.set_trailing_metadata(tuple(trailers))

    async def next_message(self, *, seconds: float) -> bytes | None:
        """Read a message; None: the client has sent its last one.

        :param seconds: how long it may take
        :raises RequestRejected: it took longer, or messages on their way take too much memory
        """
        return await message_budget().read(self.context.read, self._place or "", seconds=seconds)

    async def only_message(self) -> bytes:
        """Read the one message of the call.

        :raises RequestRejected: there is none, or it did not come in time
        """
        message = await self.next_message(seconds=settings.DATAFLOW_BODY_SECONDS)
        if message is None:
            raise RequestRejected(Code.BAD_REQUEST, "expected a message")
        self._message = message[:KEPT_BYTES], len(message)
        return message

    async def end(self, status: Status, headers: Iterable[Header] = ()) -> NoReturn:
        """End the call with a status; this raises and does not return."""
        trailers = [
            *_metadata(headers),
            ("x-request-id", request_context.request_id()),
            (DETAILS, status.SerializeToString()),
        ]
        await self.context.abort(statuses.named(status), status.message, tuple(trailers))


def _metadata(headers: Iterable[Header]) -> list[tuple[str, str | bytes]]:
    return [(name.decode(), value.decode("latin-1")) for name, value in headers]


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1", "replace") if isinstance(text, str) else text
