"""The joining of Parquet files, and what is expected of the library that writes them."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet

from queries.export import parquet
from queries.export.parquet_footers import JoinedFooter
from queries.export.reading import Block

SCHEMA = Schema([Field("n", DataType.int64(), nullable=False), Field("text", DataType.string())])


def batch(*numbers: int) -> RecordBatch:
    texts = [f"text {number}" if number % 2 else None for number in numbers]
    return RecordBatch.from_arrays(
        [Array(list(numbers), DataType.int64()), Array(texts, DataType.string())], schema=SCHEMA
    )


def file_of(*batches: RecordBatch, **options: object) -> bytes:
    file = io.BytesIO()
    write_parquet(RecordBatchReader.from_batches(SCHEMA, iter(batches)), file, **options)  # type: ignore[arg-type]
    return file.getvalue()


def joined(*files: bytes) -> bytes:
    footer = JoinedFooter()
    return b"".join([*[footer.add(file) for file in files], footer.bytes()])


@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("compression", ["zstd(1)", "uncompressed", "snappy"])
def test_joined_files_are_one_with_all_their_row_groups(compression: str, dictionary: bool) -> None:
    options = {"compression": compression, "dictionary_enabled": dictionary, "max_row_group_size": 2}
    whole = joined(*[file_of(batch(*range(at, at + 5)), **options) for at in range(0, 200, 5)])

    found = pyarrow.parquet.ParquetFile(io.BytesIO(whole))
    assert found.metadata.num_rows == 200
    assert found.metadata.num_row_groups == 40 * 3
    assert found.read().column("n").to_pylist() == list(range(200))
    assert [found.read_row_group(at)["n"][0].as_py() for at in (0, 1, 3, 119)] == [0, 2, 5, 199]


def test_statistics_and_indexes_of_joined_files_are_where_the_footer_says(tmp_path: Path) -> None:
    import duckdb  # noqa: PLC0415 - 40 MB

    whole = joined(*[file_of(batch(*range(at, at + 1_000))) for at in range(0, 50_000, 1_000)])

    found = pyarrow.parquet.ParquetFile(io.BytesIO(whole)).metadata
    assert [found.row_group(at).column(0).statistics.min for at in (0, 49)] == [0, 49_000]
    assert found.row_group(49).column(0).has_offset_index
    file = tmp_path / "joined.parquet"
    file.write_bytes(whole)
    with duckdb.connect() as database:
        assert database.execute(f"SELECT count(*), max(n) FROM '{file}' WHERE n >= 49990").fetchall() == [(10, 49_999)]


def test_what_is_cut_off_before_the_footer_is_no_parquet() -> None:
    footer = JoinedFooter()
    part = footer.add(file_of(batch(1, 2))) + footer.add(file_of(batch(3)))

    with pytest.raises(pa.ArrowInvalid):
        pyarrow.parquet.read_table(io.BytesIO(part))


def blocks(count: int, size: int) -> Iterator[Block]:
    """Yield blocks of ten rows with payloads of this size."""
    for number in range(count):
        times = [each.to_bytes(8, "big").hex() for each in (number, 1, 2)]
        row = ["id", "source", *times, "", '{"a":"' + "x" * size + '"}']
        yield Block(row * 10, len(row))


@pytest.mark.parametrize("size", [10, 1_000, 200_000])
def test_a_row_group_has_a_bound_in_bytes_whatever_the_size_of_events(size: int) -> None:
    count = 3 * parquet.MAX_BYTES // (10 * (size + 100)) + 1
    whole = b"".join(parquet.render(blocks(count, size), None))

    found = pyarrow.parquet.ParquetFile(io.BytesIO(whole)).metadata
    assert found.num_rows == 10 * count
    assert max(found.row_group(at).total_byte_size for at in range(found.num_row_groups)) < 2 * parquet.MAX_BYTES


def test_arro3_reads_batches_one_by_one_and_lets_other_threads_run_between_them() -> None:
    """The contract on which the length of a pause of the web process hangs."""
    turns: list[float] = []
    is_over = threading.Event()

    def other() -> None:
        while not is_over.wait(0.0005):
            turns.append(time.perf_counter())

    def batches() -> Iterator[RecordBatch]:
        for at in range(0, 400_000, 4_000):
            yield batch(*range(at, at + 4_000))

    thread = threading.Thread(target=other)
    thread.start()
    write_parquet(RecordBatchReader.from_batches(SCHEMA, batches()), io.BytesIO(), max_row_group_size=1_000_000)
    is_over.set()
    thread.join()

    assert len(turns) > 5


def test_arro3_raises_what_ends_a_batch_and_writes_no_footer() -> None:
    def batches() -> Iterator[RecordBatch]:
        yield batch(1)
        raise ValueError("gone")

    file = io.BytesIO()
    with pytest.raises(Exception, match="gone"):
        write_parquet(RecordBatchReader.from_batches(SCHEMA, batches()), file)

    assert not file.getvalue().endswith(b"PAR1") or len(file.getvalue()) == 4
