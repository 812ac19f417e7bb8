from __future__ import annotations

import socket

import pytest

from ingestion.runtime.socket_reset import reset_at_end


def test_the_peer_of_a_connection_that_ends_with_a_reset_does_not_take_it_for_a_regular_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as peer:
        connection, _ = listening.accept()
        with connection:
            reset_at_end(connection)

        with pytest.raises(ConnectionResetError):
            peer.recv(1)
