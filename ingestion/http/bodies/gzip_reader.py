"""Decompresses a gzip body as it arrives, never past the limit."""

from __future__ import annotations

import zlib

from ingestion.problems import Code, RequestRejected, too_large

GZIP = 16 + zlib.MAX_WBITS
MAX_MEMBERS = 100  # gzip files may follow each other in one body; each costs a new decompressor

# What a body with this Content-Encoding is, by the codings that change it.
_CODINGS: dict[tuple[bytes, ...], bool] = {(): False, (b"gzip",): True, (b"x-gzip",): True}


def is_gzip(encoding: bytes) -> bool:
    """Return whether a body is gzip, by its Content-Encoding.

    :raises RequestRejected: neither gzip nor none
    """
    codings = (coding.strip().lower() for coding in encoding.split(b","))
    # A list may have empty elements: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1
    known = _CODINGS.get(tuple(coding for coding in codings if coding not in {b"", b"identity"}))
    if known is None:
        raise RequestRejected(Code.UNSUPPORTED_ENCODING, "Content-Encoding: expected gzip or none")
    return known


class GzipReader:
    """One body; never holds more than `limit` bytes of it at a time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._members = 0
        self._inflate = zlib.decompressobj(GZIP)
        self._fresh = True  # the present member has no byte yet

    def feed(self, piece: bytes) -> bytes:
        """Decompress the next piece.

        :raises RequestRejected: not gzip, or more than the limit
        """
        whole = b""
        while piece:
            if self._inflate.eof:
                self._next_member()
            self._fresh = False
            try:
                whole += self._inflate.decompress(piece, self._limit - self._size + 1)
            except zlib.error as error:
                raise RequestRejected(
                    Code.INVALID_COMPRESSION, "Content-Encoding declares gzip, but the body is not"
                ) from error
            if self._size + len(whole) > self._limit:
                raise RequestRejected(Code.BODY_TOO_LARGE, f"{too_large(self._limit)} when decompressed")
            piece = self._inflate.unused_data
        self._size += len(whole)
        return whole

    def finish(self) -> None:
        """Check that the body is complete.

        :raises RequestRejected: it stops in the middle
        """
        if not self._inflate.eof and not (self._fresh and not self._members):
            raise RequestRejected(Code.INVALID_COMPRESSION, "the gzip body ends too soon")

    def _next_member(self) -> None:
        self._members += 1
        if self._members >= MAX_MEMBERS:
            raise RequestRejected(Code.INVALID_COMPRESSION, f"expected at most {MAX_MEMBERS} gzip members in one body")
        self._inflate = zlib.decompressobj(GZIP)


def unpack(body: bytes, *, limit: int) -> bytes:
    """Decompress a whole body.

    :raises RequestRejected: not gzip, or more than the limit
    """
    gunzip = GzipReader(limit)
    whole = gunzip.feed(body)
    gunzip.finish()
    return whole
