"""Render arbitrary bytes as safe text, or as a hex dump."""

from __future__ import annotations

TEXT_SHOWN = 16 * 1024  # bytes; a dead letter may have 256 KiB or more, too much for a page
HEX_SHOWN = 2 * 1024  # bytes
HEX_COLUMNS = 16


def as_text(raw: bytes) -> str:
    """Return the beginning as `whole_text` does, and how many bytes follow."""
    return whole_text(raw[:TEXT_SHOWN]) + _rest(raw, TEXT_SHOWN)


def whole_text(raw: bytes) -> str:
    """Return UTF-8 unchanged and everything else escaped (`\\xff`, `\\x00`); the caller escapes HTML."""
    text = raw.decode(errors="backslashreplace")
    return "".join(character if _is_plain(character) else _escape(character) for character in text)


def needs_hex(raw: bytes) -> bool:
    """Return whether some bytes are not visible in the text."""
    try:
        return not all(map(_is_plain, raw.decode()))
    except UnicodeDecodeError:
        return True


def as_hex(raw: bytes) -> str:
    """Return offset, bytes and characters, like `hexdump -C`."""
    starts = range(0, min(len(raw), HEX_SHOWN), HEX_COLUMNS)
    return "\n".join(_hex_line(raw, start) for start in starts) + _rest(raw, HEX_SHOWN)


def _hex_line(raw: bytes, start: int) -> str:
    part = raw[start : min(start + HEX_COLUMNS, HEX_SHOWN)]
    characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
    return f"{start:08x}  {part.hex(' '):<{HEX_COLUMNS * 3}} {characters}"


def _is_plain(character: str) -> bool:
    # Besides control characters, those of text direction and of zero width are not printable.
    return character.isprintable() or character in "\n\t"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _rest(raw: bytes, shown: int) -> str:
    left = len(raw) - shown
    return f"\n… and {left:,} bytes more" if left > 0 else ""
