"""Checks the rendered manifests strictly against the schemas of Kubernetes and of the operators: `make check`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator, Registry
from kubernetes_validate import utils

from deploy.kubernetes import crd_schemas, render

VERSIONS = ("1.32", "1.33", "1.34", "1.35", "1.36", "1.37")


def main() -> int:
    """Print what is wrong and return the exit code."""
    found = [
        f"{overlay}: {problem}"
        for overlay in render.OVERLAYS
        for resource in render.resources(overlay)
        for problem in problems(resource)
    ]
    print("\n".join(found) or f"Every manifest is valid for Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}.")
    return 1 if found else 0


def problems(resource: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a resource: each member that is unknown or of another type, for each version."""
    kind, api_version = resource["kind"], resource["apiVersion"]
    subject = f"{kind}/{resource['metadata']['name']}"
    file = crd_schemas.FOLDER / crd_schemas.name(kind, api_version)
    if file.exists():
        yield from (
            f"{subject}: {text}" for text in _texts(Draft202012Validator(json.loads(file.read_text())), resource)
        )
        return
    for version in VERSIONS:
        try:
            validator = _validator(kind, api_version, version)
        except FileNotFoundError:
            yield f"{subject}: Kubernetes {version} has no {kind} of {api_version}"
        else:
            yield from (f"{subject} ({version}): {text}" for text in _texts(validator, resource))


def _texts(validator: Draft202012Validator, resource: dict[str, Any]) -> Iterator[str]:
    for error in validator.iter_errors(resource):
        yield f"{'.'.join(map(str, error.instance_path))}: {error.message}"


@cache
def _validator(kind: str, api_version: str, version: str) -> Draft202012Validator:
    """Return the validator of a kind; kubernetes_validate itself reads all definitions again for each resource."""
    group, _, name = api_version.rpartition("/")
    short = f"{group.partition('.')[0]}-{name}" if group else name
    schema = utils.schema_contents(f"{_folder(version)}/{kind.lower()}-{short}.json", version)
    return Draft202012Validator(schema, registry=_registry(version))


@cache
def _registry(version: str) -> Registry:
    definitions = utils.schema_contents(f"{_folder(version)}/_definitions.json", version)
    return Registry([(definitions["$id"], definitions)])


def _folder(version: str) -> str:
    return f"kubernetes-json-schema/v{version}.0-local-strict"


if __name__ == "__main__":
    sys.exit(main())
