"""Reads the stacks of py-spy: which Python functions were on a CPU, with the C code that they call."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

TOP = 20
Stacks = Counter[tuple[str, ...]]  # Python functions from the outermost -> samples

# C functions in which a thread waits: for the kernel, for a lock, or for the GIL.
_C_WAITS = {
    *("epoll_wait", "epoll_pwait", "poll", "ppoll", "__poll", "select", "kevent", "accept4", "internal_select"),
    *("PyThread_acquire_lock_timed", "pthread_cond_timedwait", "pthread_cond_wait", "sem_wait", "sem_clockwait"),
    *("nanosleep", "clock_nanosleep", "take_gil"),
}
# The same in Python, where py-spy reads no frames of C.
_PYTHON_WAITS = {"select", "poll", "wait", "acquire", "sleep", "_worker"}
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>.+?)(?::\d+)?\)")
NO_PYTHON = "C code of a thread without Python"


def on_cpu(text: str) -> Stacks:
    """Return how often each stack was seen working; those that wait are left out.

    py-spy can't tell idle threads on every kernel, so they are recognised by their innermost frames.
    """
    found: Stacks = Counter()
    for frames, times in _samples(text):
        python = [number for number, (_, file) in enumerate(frames) if file.endswith(".py")]
        last = python[-1] if python else -1
        if not _waits(frames, last):
            found[tuple(_name(*frames[number]) for number in python) or (NO_PYTHON,)] += times
    return found


def self_times(stacks: Mapping[tuple[str, ...], int]) -> list[tuple[str, float]]:
    """Return each function with its share of all samples, the largest first."""
    counts: Counter[str] = Counter()
    for stack, times in stacks.items():
        counts[stack[-1]] += times
    return [(function, times / counts.total()) for function, times in counts.most_common()]


def table(shares: list[tuple[str, float]], *, cost: float) -> str:
    """Write the first TOP functions and what remains as a Markdown table.

    :param cost: CPU microseconds an event, of the whole process
    """
    rest = shares[TOP:]
    rows = shares[:TOP] + ([(f"{len(rest)} others", sum(share for _, share in rest))] if rest else [])
    lines = [f"| {share * 100:.1f} % | {share * cost:.2f} | {function} |" for function, share in rows]
    return "\n".join(["| self time | µs an event | function |", "|---|---|---|", *lines])


def _samples(text: str) -> Iterator[tuple[list[tuple[str, str]], int]]:
    """Yield (function, file) of each frame from the outermost, and how often the stack was seen."""
    for line in text.splitlines():
        stack, _, times = line.rpartition(" ")
        yield [_frame(part) for part in stack.split(";")], int(times)


def _frame(text: str) -> tuple[str, str]:
    found = _FRAME.fullmatch(text)
    return (found["function"], found["file"]) if found else (text, "")


def _waits(frames: list[tuple[str, str]], last: int) -> bool:
    inside_c = [function for function, _ in frames[last + 1 :]]
    if inside_c:
        return not _C_WAITS.isdisjoint(inside_c)
    return last >= 0 and frames[last][0].rpartition(".")[2] in _PYTHON_WAITS


def _name(function: str, file: str) -> str:
    # A comprehension belongs to the function that it is written in.
    return f"{function.partition('.<locals>.<')[0]}, {file}"
