"""IngestStream: batches one after the other, several in flight, answered in their order."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

import grpc
from django.conf import settings
from google.rpc.status_pb2 import Status

from ingestion.acceptance.submission import Submission
from ingestion.problems import RequestRejected
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc import accept_batch, statuses
from ingestion.receivers.grpc.call import Call, Context
from ingestion.receivers.grpc.messages import responses

logger = logging.getLogger(__name__)

MAX_UNANSWERED = 16  # batches of one stream; a further one is read when the first of them is answered
# A caller whose key is no longer valid can not continue.
FATAL = {grpc.StatusCode.UNAUTHENTICATED.value[0]}
STOPPING = "this server stops; reconnect and send again what was not answered"


class _End(NamedTuple):
    """The end of the queue, with the status that the call ends with; None: success."""

    status: Status | None


class Stream:
    """One call of IngestStream."""

    def __init__(self, context: Context) -> None:
        self._call = Call(context, "IngestStream")
        # In the order of arrival.
        self._begun: asyncio.Queue[Submission | Status | _End] = asyncio.Queue()
        self._room = asyncio.Semaphore(MAX_UNANSWERED)
        self._reading: asyncio.Task[None] | None = None
        self._number = 0
        self._has_begun = False

    async def run(self) -> None:
        """Answer batches until the client has sent its last one, or a status ends the call."""
        try:
            await self._enter()
            self._reading = asyncio.create_task(self._read())
            end = await self._answer()
        except RequestRejected as refused:
            end = self._refused(refused)
        finally:
            self._call.leave()
            if self._reading is not None:
                self._reading.cancel()
            self._forget()
        if end is not None:
            await self._call.end(end)
        self._call.trail(())

    async def _enter(self) -> None:
        """Take a place before the first message, which an unknown caller is not read for.

        :raises RequestRejected: no valid key, or too many open calls
        """
        key = ""
        try:
            key = (await self._call.authenticate()).grant.key
        except RequestRejected as refused:
            # Anything else is the answer to a batch: it may be over when one comes.
            if self._refused(refused).code in FATAL:
                raise
        self._call.enter(key)

    def stop(self) -> None:
        """Stop reading; batches already read are still answered."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        end = None
        try:
            while (message := await self._next()) is not None:
                begun = await self._begin(message)
                if isinstance(begun, Status) and begun.code in FATAL:
                    end = begun
                    break
                self._begun.put_nowait(begun)
        except RequestRejected as refused:
            end = self._refused(refused)
        except asyncio.CancelledError:
            end = Status(code=grpc.StatusCode.UNAVAILABLE.value[0], message=STOPPING)
        self._begun.put_nowait(_End(end))

    async def _next(self) -> bytes | None:
        """Return the next message, read when there is room for it; None: the client has sent its last one.

        :raises RequestRejected: it did not come in time
        """
        await self._room.acquire()
        is_first = not self._has_begun
        self._has_begun = True
        seconds = settings.DATAFLOW_GRPC_FIRST_MESSAGE_SECONDS if is_first else settings.DATAFLOW_GRPC_IDLE_SECONDS
        return await self._call.next_message(seconds=seconds)

    async def _begin(self, message: bytes) -> Submission | Status:
        try:
            # For each batch, since a key may be revoked meanwhile, and has a rate.
            caller = await self._call.authenticate()
            request = accept_batch.decoded_batch(message, caller)
            return await accept_batch.submit(request.events, accept_batch.options_of(request), self._call, caller)
        except RequestRejected as refused:
            return self._refused(refused, message)
        except Exception:
            logger.exception("a batch of a stream failed")
            return statuses.unexpected(self._call.attempt(message))

    async def _answer(self) -> Status | None:
        while not isinstance(begun := await self._begun.get(), _End):
            answer = await self._answer_to(begun)
            answer.batch = self._number
            self._number += 1
            async with asyncio.timeout(settings.DATAFLOW_WRITE_SECONDS):
                await self._call.context.write(answer.SerializeToString())
            self._room.release()
        return begun.status

    def _forget(self) -> None:
        while not self._begun.empty():
            begun = self._begun.get_nowait()
            if isinstance(begun, Submission):
                begun.cancel()

    async def _answer_to(self, begun: Submission | Status) -> ingestion_pb2.IngestStreamResponse:
        if isinstance(begun, Status):
            return ingestion_pb2.IngestStreamResponse(refused=begun)
        try:
            outcome = await begun.outcome()
        except RequestRejected as refused:
            return ingestion_pb2.IngestStreamResponse(refused=self._refused(refused))
        except Exception:
            logger.exception("a batch of a stream failed")
            return ingestion_pb2.IngestStreamResponse(refused=statuses.unexpected(self._call.attempt()))
        refusal = responses.refusal(outcome)
        if outcome.rejected:
            begun.note_rejected(self._call.attempt(), status=statuses.name_of(refusal), name="event")
        return ingestion_pb2.IngestStreamResponse(outcome=responses.message(outcome), refused=refusal)

    def _refused(self, refused: RequestRejected, message: bytes | None = None) -> Status:
        return statuses.refusal(refused, self._call.attempt(message))
