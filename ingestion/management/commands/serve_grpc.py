"""`manage.py serve_grpc`: receive events over gRPC, until stopped."""

from __future__ import annotations

import uvloop
from django.conf import settings
from django.core.management.base import CommandError

from ingestion.management.command import OperatorCommand
from ingestion.receivers.grpc import server


class Command(OperatorCommand):
    is_worker = True
    help = (
        "Receive events over gRPC (dataflow.ingest.v1.Ingestion, docs/grpc.md) and publish them to raw-data.\n"
        "Any number of these may run behind a load balancer. On SIGTERM, calls in flight are answered.\n\n"
        "  manage.py serve_grpc\n"
        "  GRPC_SERVICE_PORT=50052 DATAFLOW_GRPC_METRICS_PORT=8094 manage.py serve_grpc    a second one beside the first\n\n"
        "Exit code 0: stopped by a signal; 1: the address can't be used. While Kafka does not answer, calls get\n"
        "UNAVAILABLE."
    )

    def handle(self, **_options: object) -> None:
        """Serve until SIGTERM or SIGINT, then exit with 0."""
        try:
            uvloop.run(server.run(f"{settings.DATAFLOW_GRPC_HOST}:{settings.GRPC_SERVICE_PORT}"))
        except server.CannotListen as error:
            raise CommandError(
                f"Can't listen on {error}: set {error.setting} to a free port, DATAFLOW_GRPC_HOST to an address of"
                " this machine."
            ) from error
