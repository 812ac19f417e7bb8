"""Writes a configuration as YAML: the same one always as the same text, which reads well."""

from __future__ import annotations

import msgspec
from yaml import SafeDumper, ScalarNode
from yaml import dump as dump_yaml

from processing.configuration import yaml_reader
from processing.configuration.model import Configuration

HEAD = "# Configuration of a site: manage.py apply_config FILE\n"
WIDTH = 120


class _Dumper(SafeDumper):
    """Indents lists, and writes texts of several lines as blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)  # noqa: FBT003


def _text(dumper: SafeDumper, value: str) -> ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_style(value))


def _style(text: str) -> str | None:
    lines = text.split("\n")
    if not all(line.isprintable() for line in lines):
        return '"'  # with escapes: other styles take some control characters for line ends
    # A block can't hold lines that end with spaces.
    is_block = "\n" in text.strip("\n") and all(line == line.rstrip() for line in lines)
    if is_block:
        return "|"
    # The library leaves some texts without quotes that are numbers to YAML 1.2, such as 0E0.
    return None if isinstance(yaml_reader.plain(text), str) else "'"


_Dumper.add_representer(str, _text)


def write(configuration: Configuration) -> str:
    """Return the text; what has its default is left out."""
    return HEAD + dump(msgspec.to_builtins(configuration))


def dump(value: object) -> str:
    """Return a value of JSON as YAML."""
    return dump_yaml(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=False)
