"""Draws stacks as a flame graph: a bar is a function, as wide as its share, above the functions that it calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from zlib import crc32

WIDTH, ROW = 1_200, 17  # pixels
NARROWEST = 0.4  # pixels; narrower bars are left out
LETTER = 6.2  # pixels


@dataclass(slots=True)
class _Node:
    times: int = 0
    calls: dict[str, _Node] = field(default_factory=dict)


def draw(stacks: Mapping[tuple[str, ...], int], *, title: str) -> str:
    """Return an SVG. Pointing at a bar shows the function and its share."""
    root = _tree(stacks)
    bars: list[str] = []
    depth = _draw(bars, title, root, (0.0, 0), root.times or 1)
    height = (depth + 1) * ROW
    style = "<style>text{font:11px monospace}rect{stroke:#fff;stroke-width:.5}</style>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">'
    return "\n".join([head, style, *bars, "</svg>\n"])


def _tree(stacks: Mapping[tuple[str, ...], int]) -> _Node:
    root = _Node()
    for stack, times in stacks.items():
        node = root
        node.times += times
        for function in stack:
            node = node.calls.setdefault(function, _Node())
            node.times += times
    return root


def _draw(bars: list[str], name: str, node: _Node, place: tuple[float, int], total: int) -> int:
    """Draw a node at (x, depth) and what it calls below it; return the largest depth."""
    x, depth = place
    width = node.times / total * WIDTH
    if width < NARROWEST:
        return depth
    bars.append(_bar(name, node.times / total, x, depth))
    deepest = depth
    for called, child in sorted(node.calls.items()):
        deepest = max(deepest, _draw(bars, called, child, (x, depth + 1), total))
        x += child.times / total * WIDTH
    return deepest


def _bar(name: str, share: float, x: float, depth: int) -> str:
    y, width = depth * ROW, share * WIDTH
    hue = crc32(name.encode()) % 50
    shown = escape(name[: int(width / LETTER)])
    return (
        f"<g><title>{escape(name)}: {share:.1%}</title>"
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}" fill="hsl({hue},80%,65%)"/>'
        f'<text x="{x + 2:.1f}" y="{y + 12}">{shown}</text></g>'
    )
