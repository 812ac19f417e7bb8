"""Replaces what PostgreSQL's database holds by the rows of a backup, in one transaction: all of it or nothing."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence

from processing.backup import programs
from processing.backup.files.manifest import Position
from processing.backup.files.problem import BackupProblem
from processing.backup.programs import Programs
from processing.stores import change_marks

# Whoever reads a table keeps it; whoever comes later waits behind us.
_BEGIN = "BEGIN; SET LOCAL lock_timeout = '30s';\n"
# In the schemas of the product; what belongs to an extension stays. Without CASCADE: what an operator built on a table in a
# schema of his own is not removed without a word. The parent takes its partitions along.
_DROP = r"""
DO $drop$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        WITH ours AS (
            SELECT c.oid, c.relkind, c.relispartition, format('%I.%I', n.nspname, c.relname) AS name
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('public', 'read') AND NOT EXISTS (
                SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
        )
        SELECT 'DROP VIEW ' || string_agg(name, ', ') AS what FROM ours WHERE relkind = 'v'
        UNION ALL SELECT 'DROP TABLE ' || string_agg(name, ', ') FROM ours WHERE relkind IN ('r', 'p') AND NOT relispartition
        UNION ALL SELECT 'DROP FUNCTION ' || string_agg(p.oid::regprocedure::text, ', ')
            FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f' AND NOT EXISTS (
                SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
        UNION ALL SELECT 'DROP SCHEMA IF EXISTS read'
    LOOP
        IF statement IS NOT NULL THEN
            EXECUTE statement;
        END IF;
    END LOOP;
END
$drop$;
"""
# By a part of PostgreSQL's own words.
_WAYS_OUT = {
    "lock timeout": "; somebody has been reading the tables for 30 seconds: stop exports and other readers, and run this again",
    "does not exist": "; create what is missing, and run this again",
    "other objects depend": "; move or drop what was built on the product's tables, and run this again",
}
# pg_dump writes it, and servers before 17 refuse it.
_NEWER = b"SET transaction_timeout = 0;\n"
_HEAD = 64 * 1024  # bytes, in which that line is


class Script:
    """A transaction in psql: what is there is dropped, then the script of a backup runs. To be used in a with statement.

    Nothing changes before `commit`: without it, or if this process dies, PostgreSQL rolls everything back.

    :raises BackupProblem: from any call: PostgreSQL refuses
    """

    def __init__(self, fitting: Programs, *, server: int) -> None:
        # Not --single-transaction, which commits at the end of its input, be that the end of a process that was killed.
        options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", "--file=-")
        self._process = fitting.start("psql", *options, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self._head: bytearray | None = bytearray() if server < 17 else None
        self._stderr = b""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._put(_BEGIN.encode() + _DROP.encode())

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def write(self, data: bytes) -> None:
        """Pass on the next bytes of the script."""
        if self._head is None:
            self._put(data)
            return
        self._head += data
        if len(self._head) >= _HEAD:
            self._put_head()

    def commit(self, positions: Sequence[Position]) -> None:
        """Check that the positions are those of the manifest, and commit."""
        self._put_head()
        self._put(_end(positions).encode())
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.wait() != 0:
            self._refuse()

    def _put_head(self) -> None:
        if self._head is not None:
            head, self._head = bytes(self._head), None
            self._put(head.replace(_NEWER, b"", 1))

    def _put(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            self._process.wait()
            self._refuse()

    def _refuse(self) -> None:
        self._listener.join()
        reason = programs.refusal(self._stderr)
        way_out = next((text for part, text in _WAYS_OUT.items() if part in reason), "")
        raise BackupProblem(f"PostgreSQL is as it was, since it refuses the rows: {reason}{way_out}.")

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            self._stderr = stderr.read()


def _end(positions: Sequence[Position]) -> str:
    """Return the statements after the script: it has left the session without a search path."""
    wanted = json.dumps([[one.topic_id, one.partition, one.next_offset] for one in positions])
    return f"""
SET search_path = public, pg_catalog;
DO $check$
BEGIN
    IF (SELECT coalesce(jsonb_agg(jsonb_build_array(t.kafka_id::text, p.partition, p.next_offset) ORDER BY t.id, p.partition), '[]')
        FROM progress p JOIN topic t ON t.id = p.topic_id) <> '{wanted}'::jsonb THEN
        RAISE 'the positions in the rows are not those of the manifest';
    END IF;
END
$check$;
{change_marks.EVERYTHING};
COMMIT;
"""  # noqa: S608 - numbers, and Kafka's ids
