"""A Parquet file's rows, one at a time, within bounds: two kilobytes of it can stand for sixty gigabytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pyarrow import (
    Array,
    ArrowException,
    DictionaryArray,
    FixedSizeListArray,
    LargeListArray,
    ListArray,
    RecordBatch,
    StructArray,
    compute,
    parquet,
)

from rlhf_data.errors import SourceError

BATCH = 1000  # rows
LONGEST = 2**24  # bytes of a row's texts
AT_ONCE = 2**28  # bytes of the texts of a batch
MOST_VALUES = 2**25  # of one column of a row group: lists can be long where rows are few


def records(path: Path) -> Iterator[object]:
    """The rows of a file; raises `SourceError` where it is no Parquet, or a row takes more than `LONGEST` bytes."""
    try:
        with parquet.ParquetFile(path, read_dictionary=_texts(path)) as file:
            for group in range(file.num_row_groups):
                _refuse_long_lists(file.metadata.row_group(group), path)
            for batch in file.iter_batches(BATCH):
                yield from _rows(batch, path)
    except (ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, SourceError | UnicodeDecodeError):
            raise
        said = " ".join(str(error).split())[:300]
        raise SourceError(f"{path}: not Parquet: {said}\n  was it cut short? fetch it again") from error


def _texts(path: Path) -> list[str]:
    """The columns of texts, each of which a file may hold once and name a thousand times."""
    with parquet.ParquetFile(path) as file:
        columns = (file.schema.column(at) for at in range(len(file.schema)))
        return [one.path for one in columns if one.physical_type == "BYTE_ARRAY"]


def _refuse_long_lists(group: parquet.RowGroupMetaData, path: Path) -> None:
    for column in (group.column(at) for at in range(group.num_columns)):
        if column.num_values > MOST_VALUES:
            raise SourceError(
                f"{path}: {column.num_values} values of {column.path_in_schema} in {group.num_rows} rows\n"
                f"  a row group has {MOST_VALUES} at most: write the file with smaller ones"
            )


def _rows(batch: RecordBatch, path: Path) -> Iterator[object]:
    """The rows of a batch, whose texts come as dictionaries: what they take written out is known before."""
    if sum(map(_bytes, batch.columns)) <= AT_ONCE:
        yield from batch.to_pylist()
        return
    for at in range(batch.num_rows):
        row = batch.slice(at, 1)
        if sum(map(_bytes, row.columns)) > LONGEST:
            raise SourceError(f"{path}: a row of more than {LONGEST // 2**20} MiB\n  is it the right file?")
        yield from row.to_pylist()


def _bytes(array: Array) -> int:
    """What the texts of a column take, written out."""
    if isinstance(array, DictionaryArray):
        lengths = compute.binary_length(array.dictionary)
        return compute.sum(lengths.take(array.indices)).as_py() or 0
    if isinstance(array, StructArray):
        return sum(map(_bytes, array.flatten()))
    if isinstance(array, ListArray | LargeListArray | FixedSizeListArray):
        return _bytes(array.flatten())
    return 0
