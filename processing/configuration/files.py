"""A configuration in a file, and its lookup tables in CSV files beside it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from processing.configuration import parsing, yaml_reader, yaml_writer
from processing.configuration.model import Configuration, TableConfig
from processing.configuration.parsing import Parsed
from processing.logic.faults import Fault, InvalidLogic
from processing.logic.revisions.pointers import escaped
from processing.logic.tables.csv_text import MAX_BYTES


def read(file: Path) -> Parsed:
    """Read a configuration with the CSV files that it names, which are beside it.

    :raises InvalidLogic: it is none, or one of its files can't be read
    :raises OSError: the file itself can't be read
    """
    if file.stat().st_size > yaml_reader.MAX_BYTES:
        raise InvalidLogic([Fault("", f"expected at most {yaml_reader.MAX_BYTES // 2**20} MiB")])
    parsed = parsing.parse(file.read_bytes())
    with parsing.placed(parsed.document):
        tables = {name: _with_rows(name, table, file.parent) for name, table in parsed.configuration.tables.items()}
    return parsed._replace(configuration=msgspec.structs.replace(parsed.configuration, tables=tables))


def write(configuration: Configuration, file: Path, *, split: bool) -> None:
    """Write a configuration to a file.

    :param split: write lookup tables to files beside it
    :raises OSError: a file can't be written
    """
    tables = dict(configuration.tables)
    for name, table in tables.items() if split else ():
        beside = file.with_name(f"{file.stem}.{name}.csv")
        beside.write_text(table.csv or "", encoding="utf-8")
        tables[name] = msgspec.structs.replace(table, csv=None, file=beside.name)
    file.write_text(yaml_writer.write(msgspec.structs.replace(configuration, tables=tables)), encoding="utf-8")


def _with_rows(name: str, table: TableConfig, folder: Path) -> TableConfig:
    pointer = f"/tables/{escaped(name)}"
    if (table.csv is None) is (table.file is None):
        raise InvalidLogic([Fault(pointer, "expected either csv or file")])
    if table.file is None:
        return table
    if Path(table.file).name != table.file:
        raise InvalidLogic([Fault(f"{pointer}/file", "expected the name of a file in the folder of the configuration")])
    try:
        path = folder / table.file
        if path.stat().st_size > MAX_BYTES:
            raise InvalidLogic([Fault(f"{pointer}/file", f"expected at most {MAX_BYTES // 2**20} MiB")])
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        detail = error.strerror if isinstance(error, OSError) else "expected UTF-8"
        raise InvalidLogic([Fault(f"{pointer}/file", detail or "can't be read")]) from error
    return msgspec.structs.replace(table, csv=text, file=None)
