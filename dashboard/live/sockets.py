"""The WebSocket of the live feed: passes a client's messages to the Hub, and the Hub's to the client."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from dashboard.live import hub, messages
from dashboard.live.messages import Ack, Pause, ProtocolError, Subscribe, Subscription, Unsubscribe
from dashboard.live.viewers import Viewer

MAX_UNSENT = 64  # messages; the window admits 8 frames, the others are states and answers to the client's own messages
TRY_AGAIN_LATER = 1013  # https://www.iana.org/assignments/websocket/websocket.xhtml


class LiveFeedSocket(AsyncWebsocketConsumer):
    """One client of `/ws/live`. Channels calls its methods on the event loop.

    The origin was checked before, in `dataflow_site.asgi`. A client that is not signed in is refused unless the site
    is open to all readers.
    """

    viewer: Viewer

    async def connect(self) -> None:
        """Accept the client, send the known states and subscribe it to `overview`."""
        self._openings: set[asyncio.Task[None]] = set()
        self._unsent: asyncio.Queue[str] = asyncio.Queue(MAX_UNSENT)
        if not settings.DATAFLOW_OPEN_READ and not self._signed_in():
            await self.close()  # before the handshake is accepted: a 403
            return
        await self.accept()
        self._sending = asyncio.create_task(self._send_all())
        self.viewer = Viewer(send=self._send, close=self._disconnect)
        self.hub = hub.current()
        await self._send(messages.welcome())
        for state in self.hub.states():
            await self._send(state)
        self.hub.join(self.viewer)
        self._subscribe("overview", Subscription("overview"))

    def _signed_in(self) -> bool:
        user = self.scope["user"]
        return user is not None and user.is_active

    async def disconnect(self, code: int) -> None:
        """Cancel the subscriptions that are being opened, and leave the Hub."""
        for opening in list(self._openings):
            opening.cancel()
        if hasattr(self, "viewer"):
            self._sending.cancel()
            self.hub.leave(self.viewer)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Handle one message of the client; an error is answered, and the connection stays open."""
        try:
            await self._handle(messages.parse(text_data or ""))
        except ProtocolError as problem:
            await self._send(messages.error(problem.code, str(problem)))

    async def _handle(self, message: messages.ClientMessage) -> None:
        match message:
            case Subscribe():
                self._check_room(message.id)
                self._subscribe(message.id, message.subscription())
            case Unsubscribe():
                self.viewer.drop(message.id)
            case Ack():
                self.viewer.ack(message.seq)
            case Pause():
                self.viewer.paused = message.paused

    def _subscribe(self, identity: str, subscription: Subscription) -> None:
        # In a task, since reading the snapshot may take seconds and further messages must not wait for it.
        opening = asyncio.create_task(self.hub.subscribe(self.viewer, identity, subscription))
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)

    def _check_room(self, identity: str) -> None:
        known = self.viewer.subscriptions
        if identity not in known and len(known) >= messages.MAX_SUBSCRIPTIONS:
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

    async def _disconnect(self) -> None:
        if self._sending.cancel():
            self.hub.leave(self.viewer)
            self._sending = asyncio.create_task(self._close())

    async def _close(self) -> None:
        with suppress(OSError):
            await self.close(code=TRY_AGAIN_LATER)
