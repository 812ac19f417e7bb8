"""Reduces definitions of operators' resources to JSON Schemas: `python -m deploy.kubernetes.crd_schemas FILE.yaml …`.

Only what says which members there are, and of which types, is kept. deploy/kubernetes/schemas/README.md has the origins.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).with_name("schemas")
LEFT_OUT = {"description", "default", "example", "examples", "externalDocs", "title", "x-kubernetes-validations"}


def main() -> None:
    """Write a schema for each version of each definition."""
    for path in map(Path, sys.argv[1:]):
        for definition in filter(None, yaml.safe_load_all(path.read_text())):
            for version in definition["spec"]["versions"]:
                _write(definition["spec"], version)


def _write(definition: dict[str, Any], version: dict[str, Any]) -> None:
    schema = reduced(version["schema"]["openAPIV3Schema"])
    # Every resource has them, and the operators' schemas leave them open.
    schema["properties"]["metadata"] = {"type": "object"}
    file = FOLDER / name(definition["names"]["kind"], f"{definition['group']}/{version['name']}")
    file.write_text(json.dumps(schema, sort_keys=True, separators=(",", ":")) + "\n")


def name(kind: str, api_version: str) -> str:
    """Return the file name of a schema."""
    group, _, version = api_version.partition("/")
    return f"{kind.lower()}-{group}-{version}.json"


def reduced(node: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without its texts, that refuses members which it does not name, as the API server would drop them."""
    kept = {key: value for key, value in node.items() if key not in LEFT_OUT}
    kept.pop("status", None)
    if kept.pop("x-kubernetes-int-or-string", False):
        return {"type": ["integer", "string"]}
    open_ended = kept.pop("x-kubernetes-preserve-unknown-fields", False)
    kept = {key: value for key, value in kept.items() if not key.startswith("x-kubernetes-")}
    if "properties" in kept:
        kept["properties"] = {key: reduced(value) for key, value in kept["properties"].items() if key != "status"}
        if not open_ended and "additionalProperties" not in kept:
            kept["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = reduced(kept[key])
    return kept


if __name__ == "__main__":
    main()
