"""How many labels a page of sources shows."""

from __future__ import annotations

from ingestion.events.source_labels import LEFT_OUT
from queries.sources.shapes import shown_labels


def test_labels_beyond_the_room_of_a_source_are_counted() -> None:
    labels: dict[str, object] = {f"name-{n:03}": "v" * 242 for n in range(1_000)}

    shown = shown_labels(labels, room=1_000)

    assert list(shown) == ["name-000", "name-001", "name-002", "name-003", LEFT_OUT]
    assert shown[LEFT_OUT] == "996"


def test_labels_that_fit_are_shown_as_they_are() -> None:
    assert shown_labels({"town": "Bonn"}, room=1_000) == {"town": "Bonn"}
