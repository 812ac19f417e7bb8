"""The forms of the browsable API, and the addresses that they become."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

import pytest
from django.http import QueryDict
from django.test import Client

from queries.browsable import form_addresses, forms
from queries.openapi import document


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("source_id=a&limit=&order=", {"source_id": ["a"]}),
        ("source_id=a,+b*%0Ac", {"source_id": ["a", "b*", "c"]}),
        ("fields=x,y&tag=a+b", {"fields": ["x,y"], "tag": ["a b"]}),
        ("_path=t&_operator=gt&_value=20&_path=&_operator=eq&_value=", {"field.t[gt]": ["20"]}),
        ("_path=a[0]&_operator=exists&_value=true", {r"field.a\[0\][exists]": ["true"]}),
        # An empty value is a text, too.
        ("_path=name&_operator=eq&_value=", {"field.name[eq]": [""]}),
        ("", {}),
    ],
)
def test_a_form_becomes_an_address_without_what_was_left_empty(typed: str, address: dict[str, list[str]]) -> None:
    found = form_addresses.query(QueryDict(f"_form=1&{typed}"))

    assert parse_qs(found, keep_blank_values=True) == address


@pytest.mark.parametrize("path", ["/data", "/api/data/", "/api/sources/"])
def test_the_address_of_a_form_leads_to_one_that_programs_can_use(path: str) -> None:
    answer = Client().get(f"{path}?_form=1&limit=5&offset=&order=desc")

    assert (answer.status_code, answer.headers["Location"]) == (302, f"{path}?limit=5&order=desc")


def test_the_form_of_a_list_has_an_input_for_each_parameter_of_the_document() -> None:
    operation = document.operation("getData")
    given = QueryDict("source_id=a&source_id=b&limit=5&field.t[gt]=20&field.a=x&cursor=c&format=api")

    form = forms.of(operation["parameters"], given)

    values = {each.name: each.value for each in form.inputs}
    assert values.keys() == {each["name"] for each in operation["parameters"]} - {"filters", "cursor", "format"}
    assert (values["source_id"], values["limit"], values["order"]) == ("a,b", "5", "")
    assert [(each.path, each.operator, each.value) for each in form.filters] == [
        ("t", "gt", "20"),
        ("a", "eq", "x"),
        ("", "eq", ""),
    ]


@pytest.mark.parametrize("asked", ["tag=a&tag=b", "tag=a,b&-tag=c&-tag=d,e", "source_id=a&source_id=b*", "fields=x,y"])
def test_a_form_that_is_sent_as_it_came_asks_for_the_same(asked: str) -> None:
    form = forms.of(document.operation("getData")["parameters"], QueryDict(asked))

    sent = urlencode([(forms.MARK, "1"), *((each.name, each.value) for each in form.inputs)])

    assert form_addresses.query(QueryDict(sent)) == QueryDict(asked).urlencode()


def test_choices_are_fixed_lists_of_the_document_and_never_rows_of_a_table() -> None:
    for name in (
        "getData",
        "aggregateEvents",
        "chartSeries",
        "listSources",
        "listDeadLetters",
        "listJobs",
        "getLatest",
    ):
        for each in forms.of(document.operation(name)["parameters"], QueryDict()).inputs:
            assert len(each.choices) <= 100
            assert not (each.choices and each.name in {"source_id", "event_id", "field", "tag"})


def test_an_address_without_parameters_has_no_form() -> None:
    form = forms.of(document.operation("getPipeline")["parameters"], QueryDict())

    assert (form.inputs, form.filters) == ([], [])
