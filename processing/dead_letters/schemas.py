"""The JSON of dead letters and of the jobs on them. Times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import TypedDict


class DeadLetterShape(TypedDict):
    """A line that could not become an event."""

    id: int
    reason: str
    detail: str
    pointer: str
    stage: str
    sourceId: str | None
    eventId: str | None
    topic: str
    partition: int
    offset: int
    line: int
    firstSeen: str
    lastSeen: str
    attempts: int
    fingerprint: str
    root: int | None  # the first letter of its event; None if this is the first
    redrives: int  # failed redrives of the event
    state: str


class ChainLink(TypedDict):
    """A letter of the same event: the first one, or one that a failed redrive left."""

    id: int
    state: str
    reason: str
    firstSeen: str


class ActionShape(TypedDict):
    """One action in a letter's history."""

    at: str
    who: str
    kind: str
    note: str


class DeadLetterDetail(DeadLetterShape):
    """One dead letter: what was sent, what is wrong with it, what was done about it."""

    meaning: str  # the reason in words
    receivedAt: str
    size: int  # bytes
    preview: str  # the beginning; unprintable characters are escaped as \xNN or \uNNNN
    previewTruncated: bool
    event: str | None  # in the public format, as indented JSON text; None if the bytes are not JSON
    raw: str | None  # every byte, base64; None without a key with the scope `admin`
    chain: list[ChainLink]
    history: list[ActionShape]
    edited: list[str]  # a unified diff from what was received to what was sent instead; empty without an edit
    sentAt: str | None
    closedAt: str | None


class JobShape(TypedDict):
    """A long operation and how far it is."""

    id: int
    kind: str
    state: str
    who: str
    arguments: dict[str, object]
    total: int | None  # None: unknown
    done: int
    message: str
    cancelRequested: bool
    createdAt: str
    startedAt: str | None
    finishedAt: str | None


class JobDetail(JobShape):
    """A long operation with its result, if that takes more than a sentence: of replays, trials and reconciliations."""

    # Without the examples of a trial for readers who may not read raw documents.
    report: dict[str, object] | None


class Counted(TypedDict):
    """How many letters match."""

    total: int
    totalIsLeast: bool  # `total` or more


class RedriveRehearsal(Counted):
    """What a redrive would do now; nothing was sent or changed."""

    summary: str
    upTo: int  # the highest number that was tested; the same in a request excludes letters that arrived since
    checked: int
    stored: int
    duplicate: int  # stored already: the letters would be closed
    dropped: int  # by a rule: the letters would be closed
    failing: dict[str, int]  # by reason
    unfixed: dict[str, int]  # by why the mend does not fix them: they would stay open; empty without a mend


class DiscardRehearsal(Counted):
    """How many letters would be discarded; nothing was changed."""

    upTo: int  # as of a redrive
