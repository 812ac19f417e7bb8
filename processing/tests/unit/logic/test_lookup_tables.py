"""Lookup tables: what is read from CSV, what is refused and where, and what is kept."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.logic.faults import Fault, InvalidLogic
from processing.logic.tables import csv_reader
from processing.logic.tables.csv_reader import MAX_ROWS
from processing.logic.tables.lookup_table import LookupTable

read = LookupTable.from_csv

STATIONS = "id,name,altitude,indoor\nsea-1,Pike Place,12.5,true\nsea-2,,7,false\n"


def faults(data: bytes | str, *, key: str = "id", types: Mapping[str, str] | None = None) -> list[Fault]:
    with pytest.raises(InvalidLogic) as refused:
        read(data, key=key, types=types)
    return refused.value.faults


def places(found: list[Fault]) -> list[tuple[int, int]]:
    return [(fault.line, fault.column) for fault in found]


def test_columns_get_the_narrowest_type_that_fits_all_their_cells() -> None:
    table = read(STATIONS, key="id")

    assert table.columns == {"id": "text", "name": "text", "altitude": "number", "indoor": "boolean"}
    assert (table.key, table.key_type, len(table)) == ("id", "text", 2)


@pytest.mark.parametrize("cell", ["007", "1e999", "NaN", "0x10", "1_000", ".5", "+1", " "])
def test_what_json_would_not_read_as_a_number_is_a_text(cell: str) -> None:
    table = read(f"id,value\na,{cell}\nb,1\n", key="id")

    assert table.columns["value"] == "text"
    assert table.get("a", "value") == cell


def test_a_column_that_is_empty_throughout_is_text() -> None:
    assert read("id,note\na,\n", key="id").columns["note"] == "text"


def test_a_given_type_goes_before_the_inferred_one() -> None:
    table = read("id,code\n1,5\n", key="id", types={"id": "text", "code": "text"})

    assert table.get("1", "code") == "5"
    assert table.get(1, "code") is None


def test_a_value_is_found_by_its_key_and_an_empty_cell_is_missing() -> None:
    table = read(STATIONS, key="id")

    assert table.get("sea-1", "name") == "Pike Place"
    assert table.column("altitude") == {"sea-1": 12.5, "sea-2": 7}
    assert table.get("sea-2", "name") is None
    assert table.get("sea-3", "name") is None
    assert "sea-2" not in table.column("name")


def test_a_key_is_found_in_its_own_column() -> None:
    assert read("id\nsea-1\n", key="id").column("id") == {"sea-1": "sea-1"}


def test_number_keys_are_equal_by_value() -> None:
    table = read("id,name\n1,one\n2.50,more\n", key="id")

    assert [table.get(key, "name") for key in (1, 1.0, 2.5, "1", True)] == ["one", "one", "more", None, None]


def test_numbers_keep_their_kind_and_every_digit_of_an_integer() -> None:
    table = read("id,value\na,9223372036854775807\nb,1.0\nc,9223372036854775808\n", key="id")

    assert [repr(table.get(key, "value")) for key in "abc"] == ["9223372036854775807", "1.0", "9.223372036854776e+18"]


def test_keys_that_look_like_booleans_are_texts() -> None:
    assert read("id,value\ntrue,1\nfalse,2\n", key="id").get("true", "value") == 1


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_a_cell() -> None:
    table = read(b'\xef\xbb\xbfid,name\r\n1,"a ""b"", c"\r\n\r\n2,d\r\n', key="id")

    assert [row["name"] for row in table.rows()] == ['a "b", c', "d"]


def test_a_cell_may_span_lines() -> None:
    assert read('id,name\n1,"a\nb"\n', key="id").get(1, "name") == "a\nb"


def test_a_header_alone_is_a_table_without_rows() -> None:
    assert len(read("id,name\n", key="id")) == 0


def test_a_missing_key_column_is_refused_with_the_nearest_one() -> None:
    assert faults("station_id,name\n", key="station") == [
        Fault("/csv", 'has no column "station"; did you mean station_id?', 1, 1)
    ]


def test_a_file_with_other_separators_is_recognised() -> None:
    assert "separated by something else" in faults("id;name\n1;a\n")[0].detail


def test_a_doubled_key_is_refused_with_both_lines() -> None:
    assert faults("name,id\na,1\nb,2\nc,1.0\n") == [Fault("/csv", "the key is there twice, first in line 2", 4, 3)]


def test_rows_with_too_few_or_too_many_cells_are_refused_with_their_places() -> None:
    found = faults('id,name\n1\n2,"b,b",c\n3,c\n')

    assert [fault.detail for fault in found] == [
        "expected 2 cells, as the header has, got 1",
        "expected 2 cells, as the header has, got 3",
    ]
    assert places(found) == [(2, 1), (3, 9)]


def test_lines_are_counted_within_quoted_cells_too() -> None:
    assert places(faults('id,name\n1,"a\nb"\n2\n')) == [(4, 1)]


@pytest.mark.parametrize(
    ("kind", "cell"), [("number", "n/a"), ("number", "1e999"), ("boolean", "yes"), ("boolean", "1")]
)
def test_a_cell_that_is_not_of_its_columns_given_type_is_refused(kind: str, cell: str) -> None:
    found = faults(f"id,value\na,\nb,{cell}\n", types={"value": kind})

    assert found == [Fault("/csv", f'column "value": expected a {kind}', 3, 3)]


@pytest.mark.parametrize(
    ("data", "detail", "place"),
    [
        (b"", "is empty; expected a header and rows", (1, 1)),
        (b"\n\n", "is empty; expected a header and rows", (1, 1)),
        (b"id,name\n1,\xc3\xa9\xff\n", "is not UTF-8", (2, 4)),
        ("id,name\n1,\ud800\n", "is not UTF-8", (2, 3)),
        (b"id,name\r\n1,a\x00b\r\n", "has the character NUL", (2, 4)),
        (b"id,,name\n", "a column has no name", (1, 4)),
        (b"id,id\n", 'column "id" is there twice', (1, 4)),
        (b"id,name\n,a\n", "the key is empty", (2, 1)),
    ],
)
def test_a_broken_file_is_refused_with_the_place(data: bytes | str, detail: str, place: tuple[int, int]) -> None:
    found = faults(data)

    assert [fault.detail for fault in found] == [detail]
    assert places(found) == [place]


def test_quotes_that_never_end_are_refused_where_their_row_begins() -> None:
    found = faults('id,name\n1,a\n2,"b\n3,c\n')

    assert found[0].detail.startswith("the quotes do not match")
    assert places(found) == [(3, 1)]


@pytest.mark.parametrize(
    ("types", "detail"),
    [
        ({"nme": "text"}, 'has no column "nme"; did you mean name?'),
        ({"name": "string"}, 'column "name": "string" is no type; expected text, number, boolean'),
        ({"id": "boolean"}, "the column of keys must be text or number"),
    ],
)
def test_types_that_can_not_be_are_refused(types: dict[str, str], detail: str) -> None:
    assert [fault.detail for fault in faults("id,name\n", types=types)] == [detail]


def test_a_file_of_the_wrong_kind_is_refused_after_twenty_faults() -> None:
    assert len(faults("id,name\n" + "1\n" * 1000)) == csv_reader.MOST_FAULTS


def test_a_table_has_at_most_100_000_rows() -> None:
    rows = "".join(f"{row}\n" for row in range(MAX_ROWS))

    assert len(read(f"id\n{rows}", key="id")) == MAX_ROWS
    assert faults(f"id\n{rows}x\n") == [Fault("/csv", "has more than 100,000 rows", MAX_ROWS + 2, 1)]


def test_a_table_takes_at_most_32_mib_in_memory() -> None:
    wide = "".join(f"{row},{row:0>300}\n" for row in range(90_000))

    assert "in memory; at most 32 are allowed" in faults(f"id,text\n{wide}")[0].detail


def test_equal_cells_share_their_memory() -> None:
    repeated = read("id,text\n" + "".join(f"{row},{'x' * 300}\n" for row in range(20_000)), key="id")

    assert repeated.memory() < 5 * 2**20


def test_what_is_kept_is_loaded_as_it_was() -> None:
    table = read("id,name,value,flag\na,x,1,true\nb,,1.0,\nc,x,,false\n", key="id")

    loaded = LookupTable.load(table.dump())

    assert (loaded.key, loaded.columns) == (table.key, table.columns)
    assert list(map(repr, loaded.rows())) == list(map(repr, table.rows()))
    assert loaded.dump() == table.dump()


@given(st.binary(max_size=300) | st.text(alphabet='id,"\n\r;x1\x00é', max_size=100))
def test_any_bytes_are_a_table_or_refused(data: bytes | str) -> None:
    try:
        table = read(data, key="id")
    except InvalidLogic as invalid:
        assert all(fault.pointer == "/csv" and fault.column <= 400 for fault in invalid.faults)  # noqa: PT017
    else:
        assert "id" in table.columns
