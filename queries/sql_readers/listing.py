"""The readers by SQL of this database, and whether their roles are there."""

from __future__ import annotations

from dataclasses import dataclass

from queries.sql_readers import connection, roles

# Also roles without sources: the way back before migration 0012 leaves them so.
_READERS = f"""
SELECT coalesce(s.role, r.rolname), coalesce(s.patterns, '{{}}'), r.rolconnlimit, (
    SELECT split_part(config, '=', 2) FROM unnest(r.rolconfig) AS config WHERE starts_with(config, 'statement_timeout=')
), coalesce(has_database_privilege(r.oid, current_database(), 'TEMPORARY'), false)
FROM (SELECT role, role_oid, array_agg(pattern ORDER BY pattern) AS patterns FROM reader_source GROUP BY role, role_oid) AS s
FULL JOIN (SELECT * FROM pg_roles WHERE {roles.MADE_HERE}) AS r ON r.oid = s.role_oid AND r.rolname = s.role
ORDER BY 1
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class ListedReader:
    """A reader and the settings that its sessions start with."""

    role: str
    patterns: list[str]
    connections: int | None  # None: the role is not there
    statement_timeout: str | None
    may_make_temporary_tables: bool

    @property
    def trouble(self) -> str | None:
        """Return what is wrong, as after a restore: the role or its sources are missing, or every role may do more again."""
        if self.connections is None:
            return "its role is not there"
        if not self.patterns:
            return "it sees no source"
        return "it may make temporary tables" if self.may_make_temporary_tables else None


def readers() -> list[ListedReader]:
    """Return the readers in order of their names.

    :raises StoreUnavailable: PostgreSQL does not answer
    """
    with connection.opened() as opened:
        return [ListedReader(*row) for row in opened.execute(_READERS)]
