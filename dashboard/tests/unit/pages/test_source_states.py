"""States as bands, labels of axes, and which fields of a source are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from dashboard.pages.sources import addresses, field_choice, states
from dashboard.panels import axes
from dashboard.templatetags.figures import percent
from queries.schemas import FieldShape, TypeSample
from queries.sources.state_runs import Run

HOUR = 3_600_000
NOON = round(datetime(2026, 3, 5, 12, tzinfo=UTC).timestamp() * 1_000)


def field(name: str) -> FieldShape:
    return {"name": name, "latest": 1.0, "latestAt": "2026-03-05T12:00:00Z", "unit": None}


def test_values_are_bands_with_a_pattern_each_and_fast_changes_are_one_band() -> None:
    fast = [Run("on" if n % 2 else "off", NOON + n * 100, NOON + n * 100, NOON + n * 100 + 100, 1) for n in range(100)]
    slow = Run("off", NOON + HOUR // 2, NOON + HOUR - 1, NOON + HOUR, 9)
    rare = Run(None, NOON + HOUR // 4, NOON + HOUR // 4, NOON + HOUR // 3, 1)

    line = states.timeline("mode", [*fast, rare, slow], (NOON, NOON + HOUR))

    assert [(band.pattern, band.label) for band in line.bands] == [
        (states.MIXED, ""), (states.OTHERS, "others"), (0, "off"),
    ]  # fmt: skip
    assert line.bands[0].value == "100 changes: off, on"
    assert (line.bands[2].x, line.bands[2].width) == ("50.000%", "50.000%")
    assert [(part.value, part.times) for part in line.parts] == [("off", 51), ("on", 50), ("others", 1)]
    assert (line.now, line.mixed) == ("off", 1)


def test_a_range_has_no_more_bands_than_it_has_room_for() -> None:
    every = [Run(str(n % 3), NOON + n * 1_000, NOON + n * 1_000, NOON + n * 1_000 + 500, 1) for n in range(3_600)]

    assert len(states.timeline("mode", every, (NOON, NOON + HOUR)).bands) <= 2 * states.COLUMNS
    assert states.timeline("mode", [], (NOON, NOON + HOUR)).bands == []


def test_axes_have_few_round_labels_in_the_zone_of_the_reader() -> None:
    assert [(each.text, each.place) for each in axes.of_values(0, 100)] == [
        ("0", "100.00%"), ("50", "50.00%"), ("100", "0.00%"),
    ]  # fmt: skip
    assert [each.text for each in axes.of_values(3.467, 4.743)] == ["3.5", "4", "4.5"]
    assert [each.text for each in axes.of_values(1, 1e6, is_log=True)] == ["1", "100", "10,000", "1e+06"]
    assert [each.text for each in axes.of_times(NOON - HOUR, NOON, zone=ZoneInfo("Asia/Kolkata"))] == [
        "16:30", "16:45", "17:00", "17:15", "17:30",
    ]  # fmt: skip
    assert axes.of_times(NOON - 24 * HOUR, NOON, zone=ZoneInfo("UTC"))[2].text == "00:00"


@pytest.mark.parametrize(
    ("low", "high"), [(5.0, 5.0), (-1.7e308, 1.7e308), (5e-324, 1e-323), (1e15, 1e15 + 1), (-1e-300, 1e300)]
)
def test_axes_of_any_numbers_have_labels(low: float, high: float) -> None:
    found = axes.of_values(low, high)

    assert 1 <= len(found) <= axes.VALUES + 1
    assert "nan" not in str(found)


def test_chosen_fields_are_shown_and_stay_in_the_form_whatever_is_searched_for() -> None:
    numeric = [field(f"n{number:03}") for number in range(300)]
    sample: TypeSample = {
        "sampled": 2, "oldest": None, "moreFields": False,
        "fields": [
            {"name": "mode", "count": 2, "types": [{"type": "text", "count": 2, "percent": 100.0}]},
            {"name": "n001", "count": 2, "types": [{"type": "number", "count": 2, "percent": 100.0}]},
        ],
    }  # fmt: skip
    names = [each["name"] for each in numeric] + ["mode"]

    every = field_choice.chosen([], numeric, field_choice.stated(sample))
    some = field_choice.chosen(["n007", "mode", "gone"], numeric, field_choice.stated(sample))
    form = field_choice.form(["n007"], "N29", names, shown=1)

    assert (len(every.numeric), every.states, every.only) == (300, ["mode"], None)
    assert ([each["name"] for each in some.numeric], some.states, some.only) == (["n007"], ["mode"], None)
    assert [each.name for each in form.options] == ["n007", *(f"n29{digit}" for digit in range(10))]
    assert [each.name for each in form.options if each.chosen] == ["n007"]
    assert field_choice.form([], "", names, shown=25).left_out == 301 - field_choice.LISTED


def test_an_address_keeps_every_chosen_field() -> None:
    given = {"field": ["a", "b"], "from": ["now-6h"], "scale": ["log"], "find": ["x"]}

    assert addresses.changed(given, "range", "1h") == "?field=a&field=b&scale=log&range=1h"
    assert addresses.changed({}, "compare", "") == "?"
    assert addresses.common(given) == {"from": "now-6h", "scale": "log"}


def test_a_percentage_of_nearly_ten_is_ten() -> None:
    assert [percent(value) for value in (0, 0.04, 9.4, 9.6, 99.6)] == ["0 %", "0.04 %", "9 %", "10 %", "100 %"]
