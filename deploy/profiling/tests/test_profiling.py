"""The profile counts what works, under the function that called it, and says so when it may not look."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from deploy.profiling import flame_graph, recorder, stacks

DECODE = "0x7f4e (libc.so.6);step (processing/loop.py:10);decode (processing/decoding.py:20);json_decode (_core.so) 6"
PLAIN = "0x7f4e (libc.so.6);step (processing/loop.py:11);decode (processing/decoding.py:21) 2"
INSIDE = "step (processing/loop.py:12);decode.<locals>.<listcomp> (processing/decoding.py:22) 1"
OTHER = "step (processing/loop.py:9) 1"
WORK = "\n".join((DECODE, PLAIN, INSIDE, OTHER))
STEP, DECODED = "step, processing/loop.py", "decode, processing/decoding.py"


def test_c_code_and_comprehensions_count_under_their_function() -> None:
    assert stacks.on_cpu(WORK) == {(STEP, DECODED): 9, (STEP,): 1}
    assert stacks.self_times(stacks.on_cpu(WORK)) == [(DECODED, 0.9), (STEP, 0.1)]


@pytest.mark.parametrize(
    "waiting",
    [
        "select (selectors.py:468);select_epoll_poll (selectmodule.c:841);epoll_wait (libc.so.6) 5",
        # For the GIL, in the middle of work.
        "decode (processing/decoding.py:20);pthread_cond_timedwait (libc.so.6);0x7f4e (libc.so.6) 5",
        "Condition.wait (threading.py:331);lock_PyThread_acquire_lock (a.so);PyThread_acquire_lock_timed (a.so) 5",
        # Without frames of C.
        "Thread.run (threading.py:982);EpollSelector.select (selectors.py:468) 5",
    ],
)
def test_what_waits_is_left_out(waiting: str) -> None:
    assert stacks.on_cpu(f"{waiting}\n{WORK}") == stacks.on_cpu(WORK)


def test_the_table_has_twenty_functions_and_the_rest_in_one_line() -> None:
    text = "\n".join(f"function_{number} (a.py:1) {100 - number}" for number in range(25))

    lines = stacks.table(stacks.self_times(stacks.on_cpu(text)), cost=20.0).splitlines()

    assert len(lines) == 2 + 20 + 1
    assert lines[2] == "| 4.5 % | 0.91 | function_0, a.py |"
    assert lines[-1].endswith("| 5 others |")


def test_a_bar_of_the_flame_graph_is_as_wide_as_its_share() -> None:
    root = ET.fromstring(flame_graph.draw(stacks.on_cpu(WORK), title="consumer <1>"))

    bars = {group[0].text: float(group[1].attrib["width"]) for group in root if group.tag.endswith("}g")}

    assert bars == {"consumer <1>: 100.0%": 1_200, f"{STEP}: 100.0%": 1_200, f"{DECODED}: 90.0%": 1_080}


def test_a_recording_shows_the_function_that_works(tmp_path: Path) -> None:
    try:
        recorder.check()
    except recorder.CannotAttach as error:
        pytest.skip(str(error))
    code = "def busy():\n    print(flush=True)\n    while True: sum(range(1_000))\nbusy()"
    script = tmp_path / "busy.py"
    script.write_text(code)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as target:
        assert target.stdout is not None
        target.stdout.readline()
        recorded = recorder.Recording(target.pid, seconds=1, file=tmp_path / "busy.txt").stacks()
        target.kill()

    function, share = stacks.self_times(stacks.on_cpu(recorded))[0]

    assert function == "busy, busy.py"
    assert share > 0.9


def test_who_may_not_look_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = tmp_path / "py-spy"
    refusing.write_text(
        "#!/bin/sh\necho 'Permission Denied: Try running again with elevated permissions' >&2\nexit 1\n"
    )
    refusing.chmod(0o700)
    monkeypatch.setattr(recorder, "PY_SPY", str(refusing))

    with pytest.raises(recorder.CannotAttach, match=r"Permission Denied.*root.*SYS_PTRACE"):
        recorder.check()
    with pytest.raises(recorder.CannotAttach, match="Permission Denied"):
        recorder.Recording(1, seconds=1, file=tmp_path / "x").stacks()
