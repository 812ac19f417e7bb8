"""Error texts of msgspec, which has no other form of them: the pointer and the detail that each one becomes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
import pytest

from queries.request import json_body


class Colour(StrEnum):
    RED = "red"


class Inner(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    max_size: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1
    colour: Colour = Colour.RED


class Sample(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    note_text: Annotated[str, msgspec.Meta(min_length=1, max_length=3, pattern=r"\S")]
    expires_at: str | None = None
    through_end: bool = False
    ids: Annotated[list[int], msgspec.Meta(min_length=1, max_length=2)] = msgspec.field(default_factory=lambda: [1])
    inner: Inner = msgspec.field(default_factory=Inner)


GOOD = '"noteText": "a"'

TEXTS = [
    ("[]", "", "expected object, got array"),
    ("null", "", "expected object, got null"),
    ("{}", "", "object missing required field noteText"),
    ('{"noteText": ""}', "/noteText", "expected str of length >= 1"),
    ('{"noteText": "abcd"}', "/noteText", "expected str of length <= 3"),
    ('{"noteText": " "}', "/noteText", r"expected str matching regex '\\S'"),
    ('{"noteText": 1}', "/noteText", "expected str, got int"),
    (f'{{{GOOD}, "expiresAt": 1}}', "/expiresAt", "expected str | null, got int"),
    (f'{{{GOOD}, "throughEnd": "perhaps"}}', "/throughEnd", "expected bool, got str"),
    (f'{{{GOOD}, "ids": []}}', "/ids", "expected array of length >= 1"),
    (f'{{{GOOD}, "ids": [1, 2, 3]}}', "/ids", "expected array of length <= 2"),
    (f'{{{GOOD}, "ids": [1, "secret"]}}', "/ids/1", "expected int, got str"),
    (f'{{{GOOD}, "inner": {{"maxSize": 0}}}}', "/inner/maxSize", "expected int >= 1"),
    (f'{{{GOOD}, "inner": {{"maxSize": 10}}}}', "/inner/maxSize", "expected int <= 9"),
    (f'{{{GOOD}, "inner": {{"colour": "secret"}}}}', "/inner/colour", "expected one of the allowed values"),
    (f'{{{GOOD}, "inner": {{"secret": 1}}}}', "/inner", "a member is unknown"),
    (f'{{{GOOD}, "expires_at": null}}', "", "a member is unknown; did you mean expiresAt?"),
    (
        f'{{{GOOD}, "secret`": null}}',
        "",
        "a member is unknown; there are: noteText, expiresAt, throughEnd, ids, inner",
    ),
]


@pytest.mark.parametrize(("body", "pointer", "detail"), TEXTS)
def test_every_error_text_of_msgspec_becomes_a_pointer_and_a_detail(body: str, pointer: str, detail: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Sample)

    problem = json_body.invalid(str(caught.value), Sample)

    assert [error["pointer"] for error in problem.errors] == [pointer]
    assert problem.detail == f"{pointer or 'the body'}: {detail}"
