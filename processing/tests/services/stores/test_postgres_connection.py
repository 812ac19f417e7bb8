"""How connections to PostgreSQL are set up, as the kernel sees them."""

from __future__ import annotations

import os
import socket

import psycopg
import pytest
from django.db import connection

from deploy.testing.deployment import Deployment
from processing.stores import postgres

pytestmark = pytest.mark.services

# Seconds; https://man7.org/linux/man-pages/man7/tcp.7.html has what a connection without them waits for.
GONE_WITHIN = 25


def seconds_until_given_up(connected: psycopg.Connection) -> tuple[int, int]:
    """When the kernel gives up a peer that says nothing: while it owes an answer, and while nothing was asked."""
    with socket.socket(fileno=os.dup(connected.fileno())) as kernels:
        option = kernels.getsockopt
        assert option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, pause, probes = (
            option(socket.IPPROTO_TCP, number)
            for number in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        return option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) // 1000, idle + pause * probes


def test_a_machine_that_is_gone_is_given_up_in_time(site: Deployment) -> None:
    with postgres.connect() as consumers:
        assert all(0 < seconds <= GONE_WITHIN for seconds in seconds_until_given_up(consumers))

    connection.ensure_connection()
    assert all(0 < seconds <= GONE_WITHIN for seconds in seconds_until_given_up(connection.connection))
