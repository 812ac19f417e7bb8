"""Compares a running port with its OpenAPI document, by requests that schemathesis makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HOOKS = "deploy.fuzz.contract_hooks"
# What both ports answer; the web port answers the rest as well.
RECEIVERS = r"^/(ingest|write|api/v[23]/|ping$|health|readyz|metrics)"
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "negative_data_rejection", "unsupported_method", "allow_header_conformance"),
    *("ignored_auth", "missing_required_header"),
)
# How a request may be refused that the document does not allow. 413 and 431: it is also too long.
REFUSALS = (400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429, 431)
_SETTINGS = f"""
[checks.negative_data_rejection]
expected-statuses = {list(REFUSALS)}
[checks.missing_required_header]
expected-statuses = {list(REFUSALS)}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port, the key for it, and which of the document's addresses are compared."""

    url: str
    key: str  # the value of Authorization
    only: str = ".*"  # a pattern of addresses
    without: str = "^$"
    is_linked: bool = True  # answers lead to further addresses among them
    is_open: bool = False  # nobody needs a key


def compare(port: Port, document: object, folder: Path, *, examples: int, seed: int) -> str:
    """Send requests to a port in all phases, and return what schemathesis says of answers that the document does not allow.

    :param folder: for files of the run
    :param examples: how many requests to an address, in each of the random phases
    :return: empty, if there are none
    """
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(_SETTINGS)
    begun = subprocess.run(
        _command(port, folder, examples=examples, seed=seed),
        # It leaves files where it runs.
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if begun.returncode == 0 else begun.stdout + begun.stderr


def _command(port: Port, folder: Path, *, examples: int, seed: int) -> Sequence[str]:
    # One worker: with several, the same seed makes other requests.
    return [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml")),
        *("run", str(folder / "openapi.json"), "--url", port.url, "--header", f"Authorization: {port.key}"),
        *("--include-path-regex", port.only, "--exclude-path-regex", port.without),
        *("--phases", "examples,coverage,fuzzing" + ",stateful" * port.is_linked),
        *("--checks", ",".join(check for check in CHECKS if not (port.is_open and check == "ignored_auth"))),
        *("--seed", str(seed), "--max-examples", str(examples), "--workers", "1", "--continue-on-failure"),
        *("--generation-database", "none", "--request-timeout", "20", "--warnings", "off", "--no-color"),
    ]
