"""Schemas: what they say of events, what is refused as one, and what is built on in the library."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import jsonschema_rs
import pytest

from processing.logic.faults import Fault, InvalidLogic
from processing.logic.schemas import checking
from processing.logic.schemas.options import FORMATS, OPTIONS
from processing.logic.schemas.schema import compile_schema

WEATHER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["temperature"],
    "properties": {
        "temperature": {"type": "number", "minimum": -90, "maximum": 60},
        "site": {"type": "object", "properties": {"na/me": {"type": ["string", "null"]}}},
    },
}


def faults(document: object) -> list[Fault]:
    with pytest.raises(InvalidLogic) as refused:
        compile_schema(document, "/document")
    return refused.value.faults


def test_an_event_that_fits_is_valid_and_has_no_violations() -> None:
    schema = compile_schema(WEATHER)

    assert schema.is_valid({"temperature": 20, "other": 1})
    assert schema.violations({"temperature": 20, "other": 1}) == []


def test_every_violation_has_its_place_and_says_what_was_expected() -> None:
    schema = compile_schema(WEATHER)
    values: dict[str, object] = {"site": {"na/me": 5}}

    assert not schema.is_valid(values)
    assert set(schema.violations(values)) == {
        ("/temperature", "is required"),
        ("/site/na~1me", "expected null or string, got integer"),
    }


SECRET = "hunter2"
WORDS: list[tuple[dict[str, object], object, str]] = [
    ({"type": "number"}, SECRET, "expected number, got string"),
    ({"const": 1}, SECRET, "expected 1"),
    ({"enum": ["a", "b"]}, SECRET, 'expected one of ["a","b"]'),
    ({"pattern": "^x"}, SECRET, "expected to match ^x"),
    ({"format": "uuid"}, SECRET, "expected the format uuid"),
    ({"minLength": 10}, SECRET, "expected at least 10 characters"),
    ({"maxLength": 2}, SECRET, "expected at most 2 characters"),
    ({"minimum": 10}, 7.5, "expected at least 10"),
    ({"maximum": 2.5}, 7.5, "expected at most 2.5"),
    ({"exclusiveMinimum": 7.5}, 7.5, "expected more than 7.5"),
    ({"exclusiveMaximum": 7.5}, 7.5, "expected less than 7.5"),
    ({"multipleOf": 2}, 7.5, "expected a multiple of 2"),
    ({"minItems": 2}, [SECRET], "expected at least 2 items"),
    ({"maxItems": 0}, [SECRET], "expected at most 0 items"),
    ({"uniqueItems": True}, [SECRET, SECRET], "expected no item twice"),
    ({"contains": {"type": "number"}}, [SECRET], "has not as many of the items asked for as expected"),
    ({"contains": {"type": "string"}, "maxContains": 1}, [SECRET, SECRET], "has not as many of the items asked for as expected"),
    ({"minProperties": 2}, {SECRET: 1}, "expected at least 2 members"),
    ({"maxProperties": 0}, {SECRET: 1}, "expected at most 0 members"),
    ({"propertyNames": {"maxLength": 2}}, {SECRET: 1}, "the name of a member is not allowed"),
    ({"anyOf": [{"type": "number"}, {"const": 1}]}, SECRET, "fits none of the schemas of anyOf"),
    ({"oneOf": [{"type": "string"}, {"minLength": 1}]}, SECRET, "does not fit exactly one of the schemas of oneOf"),
    ({"oneOf": [{"type": "number"}, {"type": "null"}]}, SECRET, "does not fit exactly one of the schemas of oneOf"),
    ({"not": {"type": "string"}}, SECRET, "fits the schema of not"),
    ({"prefixItems": [True], "items": False}, [SECRET, SECRET], "is not allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "value", "detail"), WORDS, ids=str)
def test_a_violation_never_repeats_the_value(word: dict[str, object], value: object, detail: str) -> None:
    found = compile_schema({"properties": {"field": word}}).violations({"field": value})

    assert {violation.detail for violation in found} == {detail}
    assert SECRET not in str(found)


def test_a_member_that_nothing_allows_is_pointed_at() -> None:
    schema = compile_schema({"properties": {"a": True}, "additionalProperties": False})

    assert schema.violations({"a": 1, "b": 2, "c": 3}) == [
        ("/b", "is not in the schema"),
        ("/c", "is not in the schema"),
    ]


def test_violations_of_one_event_are_bounded() -> None:
    schema = compile_schema({"properties": {"a": {"items": {"type": "number"}}}})

    assert len(schema.violations({"a": ["x"] * 1000})) == 10
    assert len(schema.violations({"a": ["x"] * 1000}, most=3)) == 3


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_checked(name: str) -> None:
    assert not compile_schema({"properties": {"a": {"format": name}}}).is_valid({"a": "\n not one :"})


REFUSED: list[tuple[object, str, str]] = [
    ([], "", "expected a JSON object that is a schema"),
    ('{"type": "object"}', "", "expected a JSON object that is a schema"),
    (True, "", "expected a JSON object that is a schema"),
    ({"type": "objct"}, "/type", "expected one of array, boolean, integer, null, number, object, string, or a list of them"),
    ({"properties": {"a/b": {"minimum": "x"}}}, "/properties/a~1b/minimum", "expected number, got string"),
    ({"required": "a"}, "/required", "expected array, got string"),
    ({"tpye": "object"}, "/tpye", "is no keyword of JSON Schema that is known here; did you mean type?"),
    ({"properties": {"a": {"nullable": True}}}, "/properties/a/nullable", "is no keyword of JSON Schema that is known here"),
    ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema", "expected https://json-schema.org/draft/2020-12/schema"),
    ({"$ref": "file:///etc/passwd"}, "/$ref", "refers outside of the schema; expected #/$defs/ and a name"),
    ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "/$ref", "refers outside of the schema; expected #/$defs/ and a name"),
    ({"$defs": {"unused": {"$ref": "other.json"}}}, "/$defs/unused/$ref", "refers outside of the schema; expected #/$defs/ and a name"),
    ({"$ref": "#/$defs/sit", "$defs": {"site": {}}}, "/$ref", "refers to nothing: sit is not there; did you mean site?"),
    ({"properties": {"a": {"$ref": "#"}}}, "/properties/a/$ref", "refers to a schema that it is part of, so it never ends"),
    ({"$dynamicRef": "#a"}, "/$dynamicRef", "is no keyword of JSON Schema that is known here"),
    ({"$defs": {"a": {"$id": "x:y"}}}, "/$defs/a/$id", "only the whole schema may have an $id"),
    ({"properties": {"a": {"format": "datetime"}}}, "/properties/a/format", "is no format that is known here; did you mean date-time?"),
    ({"type": "array"}, "", "accepts no event: an event's payload is an object"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"enum": [1, 2]}}}, "", "accepts no event: an event's payload is an object"),
    ({"not": {}}, "", "accepts no event: an event's payload is an object"),
    ({"minimum": 1j}, "", "is not JSON"),
    ({"description": "x" * checking.MAX_BYTES}, "", "has over 256 KiB"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "pointer", "detail"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_document_that_is_no_schema_is_refused_with_the_place(document: object, pointer: str, detail: str) -> None:
    found = faults(document)

    assert found[0].pointer == f"/document{pointer}"
    assert found[0].detail.startswith(detail)


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(a)\1", "(a", "((a{1000}){1000}){100}"])
def test_a_pattern_that_takes_more_than_linear_time_or_space_is_refused(pattern: str) -> None:
    assert faults({"pattern": pattern})[0].pointer == "/document/pattern"
    assert faults({"patternProperties": {pattern: {}}})[0].pointer.startswith("/document/patternProperties/")


def test_names_of_fields_may_be_words_of_the_schema_language() -> None:
    document = {"properties": {"$ref": {"type": "string"}, "enum": {"type": "string"}, "default": {"type": "string"}}}

    assert compile_schema(document).is_valid({"$ref": "x", "enum": "y"})
    assert not compile_schema(document).is_valid({"default": 1})


def test_what_stands_in_examples_is_no_schema() -> None:
    assert compile_schema({"examples": [{"$ref": "x", "tpye": 1}], "enum": [{"$ref": "y"}]}).is_valid({"$ref": "y"})


def test_an_authors_own_words_begin_with_x() -> None:
    assert compile_schema({"x-owner": "team", "$id": "https://example.org/weather"}).is_valid({})


def test_a_deep_document_is_refused() -> None:
    document: dict[str, object] = {}
    for _ in range(100_000):
        document = {"not": document}

    assert "nested" in faults(document)[0].detail


def test_references_that_double_and_double_are_refused_at_once() -> None:
    definitions: dict[str, object] = {
        f"d{step}": {"allOf": [{"$ref": f"#/$defs/d{step + 1}"}, {"$ref": f"#/$defs/d{step + 1}"}]}
        for step in range(40)
    }
    began = time.perf_counter()

    found = faults({"$ref": "#/$defs/d0", "$defs": {**definitions, "d40": {"type": "object"}}})

    assert "its references followed" in found[0].detail
    assert time.perf_counter() - began < 1


def test_a_definition_may_be_used_many_times() -> None:
    fields = {f"f{number}": {"$ref": "#/$defs/reading"} for number in range(500)}

    schema = compile_schema({"properties": fields, "$defs": {"reading": {"type": "number"}}})

    assert schema.violations({"f7": "x"}) == [("/f7", "expected number, got string")]


# Contracts with jsonschema-rs: what is relied on, and what would surprise.


def raw(document: dict[str, object]) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(document, **OPTIONS)


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A web server's address, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


def test_the_library_reads_files_and_addresses_unless_it_is_refused(
    tmp_path: Path, asked: tuple[str, list[str]]
) -> None:
    address, paths = asked
    file = tmp_path / "schema.json"
    file.write_text('{"type": "object"}')

    jsonschema_rs.Draft202012Validator({"$ref": f"{address}/default"})
    jsonschema_rs.Draft202012Validator({"$ref": file.as_uri()})
    for reference in (f"{address}/refused", file.as_uri()):
        with pytest.raises(jsonschema_rs.ValidationError, match="RefusedReference"):
            raw({"$ref": reference})

    assert paths == ["/default"]


def test_a_catastrophic_pattern_takes_linear_time() -> None:
    schema = compile_schema({"properties": {"a": {"pattern": "^(a+)+$"}, "b": {"pattern": "(.*)*x"}}})
    began = time.perf_counter()

    assert not schema.is_valid({"a": "a" * 100_000 + "b"})
    assert not schema.is_valid({"b": "y" * 100_000})
    assert time.perf_counter() - began < 0.5


def test_the_librarys_messages_repeat_names_of_members_in_spite_of_the_mask() -> None:
    """The reason for sentences of our own."""
    error = next(iter(raw({"propertyNames": {"maxLength": 2}}).iter_errors({SECRET: 1})))

    assert SECRET in error.message


def test_integers_are_exact_up_to_int64_and_beyond() -> None:
    schema = compile_schema({"properties": {"a": {"type": "integer", "maximum": 2**63 - 1, "minimum": -(2**63)}}})

    assert schema.is_valid({"a": 2**63 - 1})
    assert schema.is_valid({"a": -(2**63)})
    assert not schema.is_valid({"a": 2**63})
    assert not schema.is_valid({"a": -(2**63) - 1})


def test_a_float_without_a_fraction_is_an_integer_and_a_boolean_is_no_number() -> None:
    schema = compile_schema({"properties": {"a": {"type": "integer"}, "b": {"type": "number"}}})

    assert schema.is_valid({"a": 1.0})
    assert not schema.is_valid({"a": 1.5})
    assert not schema.is_valid({"b": True})


def test_multiples_of_decimals_are_exact() -> None:
    schema = compile_schema({"properties": {"a": {"multipleOf": 0.1}}})

    assert [schema.is_valid({"a": value}) for value in (0.3, 1.1, 0.25)] == [True, True, False]


def test_what_no_event_holds_is_no_number() -> None:
    schema = compile_schema({"properties": {"a": {"type": "number"}}})

    assert [schema.is_valid({"a": value}) for value in (float("nan"), float("inf"), b"x")] == [False, False, False]


def test_the_library_takes_a_text_for_a_document_and_another_draft_for_its_own() -> None:
    """The reason for two checks before it."""
    assert jsonschema_rs.Draft202012Validator('{"type": "object"}').is_valid({})
    assert jsonschema_rs.Draft202012Validator({"$schema": "http://json-schema.org/draft-07/schema#"}).is_valid({})


def test_a_dollar_in_a_pattern_is_the_end_and_not_the_last_newline() -> None:
    assert not compile_schema({"properties": {"a": {"pattern": "^a$"}}}).is_valid({"a": "a\n"})
