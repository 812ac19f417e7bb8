"""A port with TLS in front of a server that was built without it, as the packages of Redis and PostgreSQL are.

The client of the product speaks TLS, and the server checks its user and password; only the encryption ends before it.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import suppress
from types import TracebackType

from deploy.local import ports
from deploy.testing.certificates import Issued

CHUNK = 65_536  # bytes
# https://www.postgresql.org/docs/current/protocol-message-formats.html: GSSENCRequest, SSLRequest
_WANTS_GSS = struct.pack(">ii", 8, 80_877_104)
_WANTS_TLS = struct.pack(">ii", 8, 80_877_103)


class TlsProxy:
    """Listens on a port with TLS while its `with` block runs, and passes on what it hears."""

    def __init__(self, *, target: int, certificate: Issued, asks_first: bool = False) -> None:
        """:param asks_first: clients ask for TLS before they begin it, as PostgreSQL's do"""
        self._asks_first = asks_first
        self.port = ports.free_port()
        self._target = target
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._listening = socket.create_server((ports.HOST, self.port))

    def __enter__(self) -> TlsProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        # A blocked accept is woken by it; closing alone does not.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        # Whichever side ends, or refuses the certificate, ends both.
        with suppress(OSError), plain:
            if self._asks_first and not _agree(plain):
                return
            client = self._context.wrap_socket(plain, server_side=True)
            with client, socket.create_connection((ports.HOST, self._target)) as server:
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()


def _agree(client: socket.socket) -> bool:
    """Answer a client that asks for TLS; return False to one that begins without."""
    asked = client.recv(8)
    if asked == _WANTS_GSS:
        client.sendall(b"N")
        asked = client.recv(8)
    if asked == _WANTS_TLS:
        client.sendall(b"S")
    return asked == _WANTS_TLS


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
