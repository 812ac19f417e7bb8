"""Nothing that is read from a server or a client can run code: no pickle, nothing like it, anywhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import caches
from django.core.signing import JSONSerializer
from django.utils.module_loading import import_string

from dataflow_site.environment.env import BASE_DIR

APPS = ("dataflow_site", "dashboard", "queries", "processing", "ingestion")
# Each turns bytes into objects of any class, or into code.
EXECUTING = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "joblib", "yaml"}
# What only reads events of YAML, or writes it: nothing of it makes objects.
HARMLESS = {
    "processing/configuration/yaml_reader.py": {"CSafeLoader", "SafeLoader", "YAMLError", "parse"},
    "processing/configuration/yaml_writer.py": {"SafeDumper", "ScalarNode", "dump"},
}
HOSTILE = [b"", b"\x80\x04", b"{", b"null", b"[" * 50_000, b"\xff", b"1:" + b"0" * 32 + b':"x"', "1:text", 7, None]


def sources() -> Iterator[Path]:
    for app in APPS:
        yield from (path for path in (BASE_DIR / app).rglob("*.py") if "tests" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    harmless = HARMLESS.get(str(path.relative_to(BASE_DIR)), set())
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module == "yaml.events" or (node.module == "yaml" and names <= harmless):
                continue
            yield node.module or ""
            yield from (alias.name for alias in node.names)


def test_nothing_in_the_product_imports_what_can_run_code_from_bytes() -> None:
    found = [
        f"{path.relative_to(BASE_DIR)}: {name}"
        for path in sources()
        for name in imported(path)
        if EXECUTING & set(name.split("."))
    ]

    assert found == []


def test_no_cache_is_read_by_pickle() -> None:
    for name, options in settings.CACHES.items():
        serializer = options["OPTIONS"]["SERIALIZER"]
        modules = {module.__module__.rpartition(".")[2] for module in import_string(serializer).__mro__}
        assert not EXECUTING & modules, name


def test_sessions_are_json_in_postgresql_and_no_channel_layer_stands_in_redis() -> None:
    assert import_string(settings.SESSION_SERIALIZER) is JSONSerializer
    assert settings.SESSION_ENGINE == "dataflow_site.access.sessions"
    assert not getattr(settings, "CHANNEL_LAYERS", {})


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_the_cache_of_django_reads_what_is_none_of_ours_as_absent(value: object) -> None:
    client = caches["default"].client  # type: ignore[attr-defined]  # django-redis'

    assert client._serializer.loads(value) is None


def test_the_cache_of_django_reads_what_it_wrote() -> None:
    client = caches["default"].client  # type: ignore[attr-defined]  # django-redis'

    assert client.decode(client.encode({"a": [1, "ü", None]})) == {"a": [1, "ü", None]}
