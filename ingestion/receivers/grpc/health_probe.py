"""Checks a server by its health service: `python -m ingestion.receivers.grpc.health_probe 127.0.0.1:50051`."""

from __future__ import annotations

import sys

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

METHOD = "/grpc.health.v1.Health/Check"
TIMEOUT = 2.0  # seconds


def serves(address: str, *, service: str = "") -> bool:
    """Return whether the server reports SERVING, for itself or for one service."""
    with grpc.insecure_channel(address) as channel:
        check: grpc.UnaryUnaryMultiCallable[HealthCheckRequest, HealthCheckResponse] = channel.unary_unary(
            METHOD,
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        try:
            reply = check(HealthCheckRequest(service=service), timeout=TIMEOUT)
        except grpc.RpcError:
            return False
    return bool(reply.status == HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(0 if serves(sys.argv[1]) else 1)
