"""The beginning of what was sent, as a text that can be stored and shown."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

SHOWN_BYTES = 512

# Also one that is cut off, or of another site.
_TOKEN = re.compile(rb"dfe_[0-9A-Za-z_]*")
_HIDDEN = b"dfe_***"
_decoder = getincrementaldecoder("utf-8")


def shown(text: bytes) -> str:
    """Return the first SHOWN_BYTES without tokens; what is no character, or can't be seen, is escaped."""
    # Before it is cut, which could leave a part of a token.
    hidden = without_tokens(text)[:SHOWN_BYTES]
    # The last character may have been cut, which is no fault of the sender.
    decoded = _decoder("backslashreplace").decode(hidden)
    return "".join(each if each.isprintable() or each in "\n\t" else _escaped(each) for each in decoded)


def without_tokens(text: bytes) -> bytes:
    """Return a text with the tokens of API keys blacked out."""
    return _TOKEN.sub(_HIDDEN, text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
