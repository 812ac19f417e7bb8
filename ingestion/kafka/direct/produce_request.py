"""Encodes a Produce request and reads its answer: version 7, the last one before version 9 with its variable lengths.

https://kafka.apache.org/protocol#The_Messages_Produce
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

KEY = 0
VERSION = 7
NO_ERROR = 0

_ALL = -1  # acks: every replica in sync has it
# Size of what follows, key, version, number of the request, length of the client's name.
_HEAD = struct.Struct(">ihhih")
# No transaction, acks, timeout in milliseconds, one topic, length of its name.
_TOPIC = struct.Struct(">hhiih")
_COUNT = struct.Struct(">i")
_PARTITION = struct.Struct(">ii")  # its number, and the size of its records
_TOPICS = struct.Struct(">iih")  # in the answer: number of the request, of topics, length of the first one's name
# Partition, error, and what is not needed: offset, time, the log's start.
_RESULT = struct.Struct(">ihqqq")


class NoAnswer(ValueError):
    """What came is no answer to the request."""


def encode(number: int, topic: bytes, batches: Mapping[int, bytes], *, client: bytes, timeout: float) -> bytes:
    """Return a whole request, with its size.

    :param batches: an encoded batch for each partition
    :param timeout: seconds that the leader waits for its followers
    """
    parts = [
        client,
        _TOPIC.pack(-1, _ALL, int(timeout * 1000), 1, len(topic)),
        topic,
        _COUNT.pack(len(batches)),
    ]
    for partition, batch in batches.items():
        parts += (_PARTITION.pack(partition, len(batch)), batch)
    size = sum(map(len, parts)) + _HEAD.size - 4
    return b"".join([_HEAD.pack(size, KEY, VERSION, number, len(client)), *parts])


def errors(answer: bytes, *, number: int, topic: bytes) -> dict[int, int]:
    """Return the error code of each partition in an answer without its size; NO_ERROR: every replica in sync has the batch.

    :param number: of the request
    :param topic: that it was about
    :raises NoAnswer: it is no answer to that request
    """
    try:
        found, topics, length = _TOPICS.unpack_from(answer)
        at = _TOPICS.size + length
        if (found, topics, answer[_TOPICS.size : at]) != (number, 1, topic):
            raise NoAnswer
        (count,) = _COUNT.unpack_from(answer, at)
        at += _COUNT.size
        results = (_RESULT.unpack_from(answer, at + each * _RESULT.size) for each in range(count))
        return {partition: code for partition, code, *_ in results}
    except struct.error as error:
        raise NoAnswer from error
