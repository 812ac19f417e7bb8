"""What is generated from the .proto is fresh, and the .proto says what the contract says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import google.rpc
import grpc
import pytest
from google.protobuf.struct_pb2 import Struct, Value

from deploy.local.processes import ROOT
from ingestion.acceptance.options import Options
from ingestion.events import strict_parser
from ingestion.events.model import InvalidEvent
from ingestion.problems import Code
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc import statuses
from ingestion.receivers.grpc.messages import protobuf_json

PROTO = "dataflow/ingest/v1/ingestion.proto"
FOLDER = ROOT / "ingestion" / "protos"
# Members of a oneof are ways to write one field of the contract.
ONEOFS = {"time": "timestamp", "content": "payload"}


def test_the_generated_code_is_what_the_proto_gives(tmp_path: Path) -> None:
    # The compiler brings google/protobuf; google/rpc lies where Python finds it.
    includes = [FOLDER, Path(google.rpc.__path__[0]).parent.parent]
    command = [sys.executable, "-m", "grpc_tools.protoc", *[f"-I{folder}" for folder in includes]]
    subprocess.run([*command, f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", PROTO], check=True)

    for name in ("ingestion_pb2.py", "ingestion_pb2.pyi"):
        place = Path(PROTO).with_name(name)
        assert (FOLDER / place).read_text() == (tmp_path / place).read_text(), f"generate {place} again: docs/grpc.md"


def test_an_event_of_the_proto_has_the_fields_of_the_contract() -> None:
    fields = {
        ONEOFS[field.containing_oneof.name] if field.containing_oneof else field.camelcase_name
        for field in ingestion_pb2.Event.DESCRIPTOR.fields
    }

    assert fields == strict_parser.FIELDS


def test_a_batch_of_the_proto_has_the_options_of_the_query() -> None:
    options = {field.name for field in ingestion_pb2.IngestBatchRequest.DESCRIPTOR.fields} - {"events"}

    assert options == {"results_all", "atomic", "validate_only"}
    assert Options.__slots__ == ("list_all", "atomic", "validate")


@pytest.mark.parametrize("number", [0.0, 1.0, -1.0, 2.0**53, -(2.0**53)])
def test_a_whole_double_is_an_integer_where_doubles_are_exact(number: float) -> None:
    assert protobuf_json.struct_text(Struct(fields={"n": Value(number_value=number)})) == b'{"n":%d}' % number


@pytest.mark.parametrize("number", [-0.0, 0.1, 2.0**53 + 2, 1e300, 5e-324])
def test_any_other_double_comes_back_as_it_was(number: float) -> None:
    text = protobuf_json.struct_text(Struct(fields={"n": Value(number_value=number)}))

    assert repr(float(text[5:-1])) == repr(number)
    assert b"." in text or b"e" in text


def test_the_bounds_of_an_instant_are_the_years_1_and_9999() -> None:
    assert protobuf_json.timestamp_text(
        ingestion_pb2.Event(timestamp_instant={"seconds": protobuf_json.FIRST}).timestamp_instant
    ).startswith("0001-")
    assert protobuf_json.timestamp_text(
        ingestion_pb2.Event(timestamp_instant={"seconds": protobuf_json.LAST}).timestamp_instant
    ).startswith("9999-")
    with pytest.raises(InvalidEvent):
        protobuf_json.timestamp_text(
            ingestion_pb2.Event(timestamp_instant={"seconds": protobuf_json.LAST + 1}).timestamp_instant
        )


def test_the_page_names_the_status_of_every_code_that_is_not_invalid_argument() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| ", (ROOT / "docs" / "grpc.md").read_text(), re.MULTILINE)

    documented = {Code(code): status for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}

    assert {code: statuses.of(code).name for code in documented} == documented
    others = {code for code in Code if statuses.of(code) is not grpc.StatusCode.INVALID_ARGUMENT}
    assert others - {Code.TOO_MANY_REQUESTS, Code.QUERY_TIMEOUT} <= set(documented)  # those are for readers
