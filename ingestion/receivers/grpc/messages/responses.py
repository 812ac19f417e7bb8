"""The outcome of a batch, as a message."""

from __future__ import annotations

from google.rpc.status_pb2 import Status

from ingestion.acceptance.options import Outcome, Result
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc import statuses
from ingestion.receivers.grpc.statuses import Violation


def message(outcome: Outcome) -> ingestion_pb2.IngestBatchResponse:
    """Return the outcome of each event."""
    results = [_result(result) for result in outcome.results]
    return ingestion_pb2.IngestBatchResponse(accepted=outcome.accepted, rejected=outcome.rejected, results=results)


def refusal(outcome: Outcome) -> Status | None:
    """Return why no event was accepted; None: some were."""
    if outcome.refusal is None:
        return None
    code, detail = outcome.refusal
    if outcome.error_count is not None or len(outcome.results) > statuses.MAX_VIOLATIONS:
        detail = f"{detail}; {outcome.rejected} were rejected"
    return statuses.build(code, detail, violations=map(_violation, outcome.results))


def _violation(result: Result) -> Violation:
    place = f"/events/{result['index']}" + result.get("pointer", "")
    return Violation(place, result.get("code", ""), result.get("detail", ""))


def _result(result: Result) -> ingestion_pb2.Result:
    is_accepted = result["status"] == "accepted"
    return ingestion_pb2.Result(
        index=result["index"],
        outcome=ingestion_pb2.OUTCOME_ACCEPTED if is_accepted else ingestion_pb2.OUTCOME_REJECTED,
        event_id=result.get("eventId", ""),
        code=result.get("code", ""),
        pointer=result.get("pointer", ""),
        detail=result.get("detail", ""),
    )
