"""The WebSocket of the live feed: passes a client's messages to the Hub, and the Hub's to the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from dashboard.live import hub, messages, scope_watch, sign_in
from dashboard.live.messages import Ack, Pause, ProtocolError, Subscribe, Subscription, Unsubscribe
from dashboard.live.socket_limits import Allowance, CloseCode, OpenSockets
from dashboard.live.viewers import Viewer
from dashboard.metrics import CLOSED
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from queries.reads.postgres import ReadUnavailable
from queries.user_scopes import NOTHING

MAX_UNSENT = 64  # messages; the window admits 8 frames, the others are states and answers to the client's own messages
CLOSE_SECONDS = 5.0  # for a connection that takes nothing to take the close frame

_open_sockets = OpenSockets()


class LiveFeedSocket(AsyncWebsocketConsumer):
    """One client of `/ws/live`. Channels calls its methods on the event loop.

    The origin was checked before, in `dataflow_site.asgi`. A client that is not signed in is refused unless the site
    is open to all readers. One that sends too much, or whose session ends, is closed with a `CloseCode`.
    What its user may see is looked up every two seconds, and its subscriptions follow.
    """

    viewer: Viewer

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        """Call the method for a message, without a look for old connections to PostgreSQL, of which a socket has none."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def connect(self) -> None:
        """Accept the client and send the known states; one of the first version is subscribed to `overview`."""
        self._ended = False
        self._asked: dict[str, Subscribe] = {}  # what the client subscribed to, by id
        self._wanted: dict[str, Subscription] = {}  # subscriptions to open, by id
        self._opening: asyncio.Task[None] | None = None
        self._unsent: asyncio.Queue[str] = asyncio.Queue(MAX_UNSENT)
        self._allowance = Allowance(time.monotonic())
        user = sign_in.name_of(self.scope)
        if not settings.DATAFLOW_OPEN_READ and not user:
            await self.close()  # before the handshake is accepted: a 403
            return
        try:
            reads = await self._scope(user)
        except ReadUnavailable:
            await self.close()
            return
        await self.accept()
        version = messages.version_of(self.scope["query_string"].decode(errors="replace"))
        if version is None or not _open_sockets.enter(self, user):
            # After the handshake, since a browser hides the reason of one that was refused.
            await self._end(CloseCode.OTHER_VERSION if version is None else CloseCode.TOO_MANY)
            return
        self._watching = None if settings.DATAFLOW_OPEN_READ else asyncio.create_task(self._end_when_signed_out())
        self._sending = asyncio.create_task(self._send_all())
        self.viewer = Viewer(send=self._send, close=self._disconnect)
        self.hub = hub.current()
        await self._send(messages.welcome(version))
        for state in self.hub.states():
            await self._send(state)
        self.hub.join(self.viewer)
        self._reads = reads
        if version == messages.FIRST_VERSION:
            self._subscribe(Subscribe("overview", "overview"))
        if self._watching is not None:
            scope_watch.current().add(self._may_see, int(user), str(self.scope["session"].session_key))

    async def disconnect(self, code: int) -> None:
        """Cancel what is being opened and sent, and leave the Hub."""
        _open_sockets.leave(self)
        scope_watch.current().remove(self._may_see)
        if hasattr(self, "viewer"):
            for task in (self._opening, self._watching, self._sending):
                if task is not None:
                    task.cancel()
            self.hub.leave(self.viewer)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Handle one message of the client. A few errors are answered; too many, or too many messages, end the socket."""
        if self._ended:
            raise StopConsumer
        if not self._allowance.take(time.monotonic()):
            await self._end(CloseCode.TOO_MANY)
        try:
            await self._handle(messages.parse(text_data or ""))
        except ProtocolError as problem:
            if not self._allowance.fault():
                await self._end(CloseCode.TOO_MANY_FAULTS)
            await self._send(messages.error(problem.code, str(problem)))

    async def _handle(self, message: messages.ClientMessage) -> None:
        match message:
            case Subscribe():
                self._check_room(message.id)
                self._subscribe(message)
            case Unsubscribe():
                self._asked.pop(message.id, None)
                self._wanted.pop(message.id, None)
                self.viewer.drop(message.id)
            case Ack():
                self.viewer.ack(message.seq)
            case Pause():
                self.viewer.paused = message.paused

    async def _scope(self, user: str) -> ReadScope:
        """Return what the socket shows at first. Keys open no socket, so without a user the site is open to all.

        :raises ReadUnavailable: PostgreSQL does not answer
        """
        if settings.DATAFLOW_OPEN_READ:
            return EVERYTHING
        return await scope_watch.current().scope_of(int(user)) or NOTHING

    def _may_see(self, scope: ReadScope | None) -> None:
        """Follow what the user may see now: other sources, or none since the session or the account ended."""
        if self._ended or scope == self._reads:
            return
        if scope is None:
            self._ending = asyncio.create_task(self._disconnect(CloseCode.SIGNED_OUT))
            return
        self._reads = scope
        for message in self._asked.values():
            present = self._wanted.get(message.id) or self.viewer.subscriptions.get(message.id)
            if message.subscription(scope) != present:
                # At once, since what is held and what comes may be of sources that it no longer shows.
                self.viewer.drop(message.id)
                self._subscribe(message)

    def _subscribe(self, message: Subscribe) -> None:
        """Open what a message asks for.

        :raises ProtocolError: a filter is missing or not valid
        """
        # In a task, since reading the snapshot may take seconds and further messages must not wait for it. One after
        # the other, so that a client has one read at a time in the queue that all clients share.
        self._wanted[message.id] = message.subscription(self._reads)
        self._asked[message.id] = message
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open_wanted())

    async def _open_wanted(self) -> None:
        while self._wanted:
            identity = next(iter(self._wanted))
            await self.hub.subscribe(self.viewer, identity, self._wanted.pop(identity))

    def _check_room(self, identity: str) -> None:
        if identity not in self._asked and len(self._asked) >= messages.MAX_SUBSCRIPTIONS:
            raise ProtocolError("too_many_subscriptions", f"expected at most {messages.MAX_SUBSCRIPTIONS}")

    async def _send(self, message: str) -> None:
        """Queue a message: neither the Hub nor other clients wait for this one's connection."""
        try:
            self._unsent.put_nowait(message)
        except asyncio.QueueFull:
            await self._disconnect()

    async def _send_all(self) -> None:
        # An OSError: the client is gone. Channels calls `disconnect`.
        with suppress(OSError):
            while True:
                await self.send(text_data=await self._unsent.get())

    async def _end_when_signed_out(self) -> None:
        await sign_in.until_signed_out(self.scope)
        await self._disconnect(CloseCode.SIGNED_OUT)

    async def _disconnect(self, code: CloseCode = CloseCode.TRY_AGAIN_LATER) -> None:
        """Start to close, from a task that must not wait for it. May be called again."""
        if not self._ended:
            self._ended = True
            self._sending.cancel()
            self.hub.leave(self.viewer)
            self._sending = asyncio.create_task(self._close(code))

    async def _close(self, code: CloseCode) -> None:
        CLOSED.labels(code=str(int(code))).inc()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.close(code=code)

    async def _end(self, code: CloseCode) -> None:
        """Close, and read nothing more of what the client sent.

        :raises StopConsumer: always; the server then drops the connection
        """
        await self.disconnect(code)
        await self._close(code)
        raise StopConsumer
