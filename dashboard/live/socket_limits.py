"""What one socket of the live feed may send, how many sockets there may be, and the codes with which one is closed."""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from weakref import WeakKeyDictionary

from django.conf import settings

# A page sends four acknowledgements a second, and sixteen subscriptions when it opens.
MESSAGES_PER_SECOND = 20.0
MESSAGES_AT_ONCE = 100
MAX_FAULTS = 20  # messages that are not valid


class CloseCode(IntEnum):
    """Why the server closed a socket. Those from 4000 on are the product's own; docs/live.md lists them."""

    TRY_AGAIN_LATER = 1013  # https://www.iana.org/assignments/websocket/websocket.xhtml
    TOO_MANY_FAULTS = 4400
    SIGNED_OUT = 4401
    OTHER_VERSION = 4406  # the client asks for a version that is not spoken here
    TOO_MANY = 4429  # messages, or sockets


class Allowance:
    """How much a socket may still send. Costs some hundred nanoseconds a message."""

    def __init__(self, now: float) -> None:
        self._left = float(MESSAGES_AT_ONCE)
        self._at = now  # seconds, any clock that only goes forward
        self._faults = 0

    def take(self, now: float) -> bool:
        """Count one message; return False if there were too many."""
        self._left = min(MESSAGES_AT_ONCE, self._left + (now - self._at) * MESSAGES_PER_SECOND) - 1
        self._at = now
        return self._left >= 0

    def fault(self) -> bool:
        """Count one message that is not valid; return False if there were too many."""
        self._faults += 1
        return self._faults < MAX_FAULTS


class OpenSockets:
    """The sockets of one process, by user; the empty name is those who are not signed in."""

    def __init__(self) -> None:
        self._users: WeakKeyDictionary[object, str] = WeakKeyDictionary()
        self._counts: Counter[str] = Counter()

    def enter(self, socket: object, user: str) -> bool:
        """Count a socket; return False if the process, or this user, has as many as are allowed."""
        most = settings.DATAFLOW_LIVE_SOCKETS_PER_USER
        if len(self._users) >= settings.DATAFLOW_LIVE_SOCKETS or (user and self._counts[user] >= most):
            return False
        self._users[socket] = user
        self._counts[user] += 1
        return True

    def leave(self, socket: object) -> None:
        """Count a socket no more. May be called again for the same one, or for one that was not counted."""
        user = self._users.pop(socket, None)
        if user is None:
            return
        self._counts[user] -= 1
        if not self._counts[user]:
            del self._counts[user]
