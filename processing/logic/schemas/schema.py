"""A schema of payloads: compiled from JSON Schema 2020-12, and what it says of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain, islice

import jsonschema_rs

from processing.logic.faults import Fault, InvalidLogic
from processing.logic.schemas.checking import check_document
from processing.logic.schemas.messages import Violation, violations
from processing.logic.schemas.options import OPTIONS, Values

MOST_VIOLATIONS = 10  # that one event is told of


class Schema:
    """A compiled schema. Cheap to ask, and safe to share between threads."""

    __slots__ = ("_validator", "document", "is_valid")

    is_valid: Callable[[Values], bool]  # the library's own method: it is asked of every event

    def __init__(self, document: Mapping[str, object], validator: jsonschema_rs.Validator) -> None:
        self.document = document
        self._validator = validator
        self.is_valid = validator.is_valid

    def violations(self, values: Values, most: int = MOST_VIOLATIONS) -> list[Violation]:
        """Return what is wrong with the values, at most so much; empty: nothing. Slow: ask `is_valid` first."""
        errors = self._validator.iter_errors(values)
        return list(islice(chain.from_iterable(map(violations, errors)), most))


def compile_schema(document: object, pointer: str = "") -> Schema:
    """Compile a schema document.

    `pointer` is put before those of faults.

    :raises InvalidLogic: it is no JSON Schema 2020-12, or one with words unknown here, with references outside of itself,
        with patterns that take more than linear time, too large, or one that accepts no event
    """
    try:
        checked = check_document(document)
        return Schema(checked, jsonschema_rs.Draft202012Validator(checked, **OPTIONS))
    except InvalidLogic as invalid:
        raise InvalidLogic(fault._replace(pointer=pointer + fault.pointer) for fault in invalid.faults) from invalid
    except (jsonschema_rs.ValidationError, ValueError) as error:
        # What the checks above let through and the library doesn't. Its text is about the schema, not about an event.
        raise InvalidLogic([Fault(pointer, f"can't be compiled: {str(error).splitlines()[0][:200]}")]) from error
