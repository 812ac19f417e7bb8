"""Joins Parquet files of the same columns: reads their footers, moves the offsets in them, and writes one footer for all.

A footer is a struct of Thrift's compact protocol.
https://parquet.apache.org/docs/file-format/metadata/
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from typing import TypeAlias, cast

MAGIC = b"PAR1"
_TAIL = 8  # bytes behind the footer: its length, and the magic number

# A struct is its fields by number, each with its type; a list is the type of its elements and these. Other values are
# bytes as they are, or an integer.
Value: TypeAlias = "int | bytes | tuple[int, list[Value]] | dict[int, tuple[int, Value]]"
Struct: TypeAlias = "dict[int, tuple[int, Value]]"

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12

# Numbers of fields: of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_ROWS, _ROW_GROUPS = 3, 4
_CHUNKS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7
_METADATA = 3
_CHUNK_OFFSETS = (2, 4, 6)  # of the chunk, of its two indexes
_METADATA_OFFSETS = (9, 10, 11, 14)  # of its pages, index pages, dictionary, Bloom filter


class JoinedFooter:
    """The footer of files that are put behind each other."""

    def __init__(self) -> None:
        self._first: Struct | None = None
        self._groups: list[bytes] = []
        self._rows = 0
        self._position = 0  # of the next byte

    @property
    def is_empty(self) -> bool:
        """Return whether no file was added."""
        return self._first is None

    def add(self, file: bytes) -> bytes:
        """Add a file, and return what of it comes next."""
        start = len(file) - _TAIL - int.from_bytes(file[-_TAIL:-4], "little")
        footer = _Reader(file, start).struct()
        # The magic number at the head stays in the first one alone.
        skipped = 0 if self._first is None else len(MAGIC)
        moved = self._position - skipped
        self._rows += cast("int", footer[_ROWS][1])
        _, groups = cast("tuple[int, list[Struct]]", footer[_ROW_GROUPS][1])
        for group in groups:
            _move(group, moved)
            self._groups.append(_struct(group))
        if self._first is None:
            self._first = footer
        body = file[skipped:start]
        self._position += len(body)
        return body

    def bytes(self) -> bytes:
        """Return the end of the joined file."""
        assert self._first is not None
        whole = dict(self._first)
        whole[_ROWS] = (_I64, self._rows)
        whole[_ROW_GROUPS] = (_LIST, b"".join([_list_head(_STRUCT, len(self._groups)), *self._groups]))
        footer = _struct(whole)
        return footer + len(footer).to_bytes(4, "little") + MAGIC


def _move(group: Struct, by: int) -> None:
    # An ordinal is optional, and has no more than 16 bits.
    group.pop(_ORDINAL, None)
    _move_fields(group, (_GROUP_OFFSET,), by)
    _, chunks = cast("tuple[int, list[Struct]]", group[_CHUNKS][1])
    for chunk in chunks:
        _move_fields(chunk, _CHUNK_OFFSETS, by)
        _move_fields(cast("Struct", chunk[_METADATA][1]), _METADATA_OFFSETS, by)


def _move_fields(struct: Struct, numbers: tuple[int, ...], by: int) -> None:
    for number in numbers:
        kind, value = struct.get(number, (0, 0))
        # 0 stands for an offset that is not told.
        if value:
            struct[number] = (kind, cast("int", value) + by)


class _Reader:
    """Reads values from a position on."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._at = position

    def struct(self) -> Struct:
        found: Struct = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else _signed(self._varint())
            found[number] = (kind, 0 if kind in {_TRUE, _FALSE} else self._value(kind))
        return found

    def _value(self, kind: int) -> Value:
        if kind in {_I16, _I32, _I64}:
            return _signed(self._varint())
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind in {_LIST, _SET}:
            return self._list()
        if kind == _STRUCT:
            return self.struct()
        # A boolean in a list has a byte, as a byte has.
        return self._bytes(8 if kind == _DOUBLE else 1)

    def _list(self) -> tuple[int, list[Value]]:
        head = self._byte()
        size, kind = head >> 4, head & 15
        if size == 15:
            size = self._varint()
        return kind, [self._value(kind) for _ in range(size)]

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value


def _struct(fields: Struct) -> bytes:
    found = []
    before = 0
    for number, (kind, value) in sorted(fields.items()):
        step = number - before
        found.append(bytes([step << 4 | kind]) if step <= 15 else bytes([kind]) + _varint(_unsigned(number)))
        if kind not in {_TRUE, _FALSE}:
            found.append(_encoded(kind, value))
        before = number
    return b"".join([*found, b"\0"])


def _encoded(kind: int, value: Value) -> bytes:
    if isinstance(value, int):
        return _varint(_unsigned(value))
    if isinstance(value, dict):
        return _struct(value)
    if isinstance(value, tuple):
        element, values = value
        return b"".join([_list_head(element, len(values)), *(_encoded(element, each) for each in values)])
    return _varint(len(value)) + value if kind == _BINARY else value


def _list_head(kind: int, size: int) -> bytes:
    return bytes([size << 4 | kind]) if size < 15 else bytes([15 << 4 | kind]) + _varint(size)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _signed(zigzag: int) -> int:
    return (zigzag >> 1) ^ -(zigzag & 1)


def _unsigned(value: int) -> int:
    return (value << 1) ^ (value >> 63)
