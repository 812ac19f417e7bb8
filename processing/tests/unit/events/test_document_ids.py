"""The `_id` of a document."""

from __future__ import annotations

from uuid import UUID, uuid4

from processing.events.document_ids import document_id, document_ids, source_digest

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def test_a_documents_id_is_the_events_id_and_its_sources_digest() -> None:
    found = document_id(ID, "sensor-1")

    assert found == document_id(ID.bytes, "sensor-1") == ID.bytes + source_digest("sensor-1")
    assert len(found) == 24


def test_one_event_id_of_two_sources_has_two_documents() -> None:
    assert document_id(ID, "sensor-1") != document_id(ID, "sensor-2")


def test_the_keys_of_many_events_are_the_document_ids_of_each() -> None:
    texts, sources = [str(uuid4()) for _ in range(50)], [f"s{number % 7}" for number in range(50)]

    assert document_ids(texts, sources) == [
        document_id(UUID(text), source) for text, source in zip(texts, sources, strict=True)
    ]


def test_the_digest_of_a_source_never_changes() -> None:
    assert source_digest("sensor-1").hex() == "cf033d96c9c52a91"
