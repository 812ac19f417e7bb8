"""From the text of a configuration to what it says, with the place of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from processing.configuration import yaml_reader
from processing.configuration.model import Configuration
from processing.configuration.yaml_reader import Document
from processing.logic.faults import Fault, InvalidLogic
from processing.logic.revisions.checks import reading


class Parsed(NamedTuple):
    """A configuration and its text."""

    configuration: Configuration
    document: Document


def parse(text: bytes | str) -> Parsed:
    """Parse a configuration. One that says nothing is `{}`: an empty text may be a file that got lost.

    :raises InvalidLogic: it is none; each fault has its place in the text
    """
    document = yaml_reader.read(text)
    if document.value is None:
        raise InvalidLogic([Fault("", "expected a configuration, got nothing")])
    with placed(document):
        return Parsed(reading.convert(document.value, Configuration), document)


@contextmanager
def placed(document: Document) -> Iterator[None]:
    """Give the faults that are raised inside their places in the text."""
    try:
        yield
    except InvalidLogic as error:
        raise InvalidLogic(_placed(document, fault) for fault in error.faults) from error


def _placed(document: Document, fault: Fault) -> Fault:
    if fault.line and fault.pointer not in document.values:
        # In a file beside the text.
        inside = f"line {fault.line}, column {fault.column}: {fault.detail}"
        return document.placed(fault._replace(detail=inside, line=0, column=0))
    return document.placed(fault)
