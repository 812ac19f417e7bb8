"""Makes a source id of a name that is none: a part that people can read, and a hash that tells names apart."""

from __future__ import annotations

import re
from hashlib import blake2b

HASH_DIGITS = 10
READABLE = 128 - HASH_DIGITS - 1  # characters

_OTHERS = re.compile(r"[^A-Za-z0-9._:]+")


def slug(text: str, *, of: str | None = None) -> str:
    """Give the source id that stands for a text, the same each time: `/my/context` is `my-context-2ff1a0c9d3`.

    :param of: the whole name, where the text is only what people shall read of it
    """
    digest = blake2b((text if of is None else of).encode(), digest_size=HASH_DIGITS // 2).hexdigest()
    readable = _OTHERS.sub("-", text).strip("-._:")[:READABLE]
    return f"{readable}-{digest}" if readable else digest
