"""What every role may do in the database, a reader's too: taking away what a reader must not have, and checking the rest.

PostgreSQL has rights of PUBLIC and no way to except a role from them.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from queries.sql_readers.errors import ReaderRefused

# Functions by which a role without a right to any table can write to the disk, or stop others: consumers take advisory locks
# before they make next month's partition. By names, as their arguments differ between releases of PostgreSQL.
_HARMFUL = """
SELECT p.oid::regprocedure::text FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege('public', p.oid, 'EXECUTE')
    AND (p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message')
        OR starts_with(p.proname, 'pg_advisory_') OR starts_with(p.proname, 'pg_try_advisory_'))
ORDER BY 1
"""
_SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
_TEMPORARY = "SELECT has_database_privilege('public', current_database(), 'TEMPORARY'), current_database()"

# What the role can reach besides the views: it would be there for every role, so it is not the reader that is wrong. What
# belongs to an extension is made for everybody.
_OF_AN_EXTENSION = "SELECT FROM pg_depend WHERE classid = {} AND objid = {} AND deptype = 'e'"
_REACHED = f"""
SELECT 'the table ' || c.oid::regclass FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'read')
    AND NOT starts_with(n.nspname, 'pg_toast') AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
    AND (has_table_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
        OR (c.relkind <> 'S' AND has_any_column_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')))
    AND NOT EXISTS ({_OF_AN_EXTENSION.format("'pg_class'::regclass", "c.oid")})
UNION ALL
SELECT 'the table ' || c.oid::regclass || ' for writing' FROM pg_class AS c
WHERE c.relnamespace = 'read'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND has_table_privilege(%(role)s, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
UNION ALL
SELECT 'CREATE in the schema ' || n.nspname FROM pg_namespace AS n WHERE has_schema_privilege(%(role)s, n.oid, 'CREATE')
UNION ALL
SELECT 'the function ' || p.oid::regprocedure || ', which runs with the rights of its owner' FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.prosecdef AND n.nspname <> 'pg_catalog' AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
    AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')
    AND NOT EXISTS ({_OF_AN_EXTENSION.format("'pg_proc'::regclass", "p.oid")})
ORDER BY 1 LIMIT 5
"""  # noqa: S608 - constants only


def restrict(connection: psycopg.Connection) -> list[str]:
    """Take from PUBLIC what no reader may have, and keep it for our own role; return what an operator should know.

    :raises ReaderRefused: our role can't take away the right to make temporary tables
    """
    return [*_without_temporary_tables(connection), *_without_harmful_functions(connection)]


def check(connection: psycopg.Connection, role: str) -> None:
    """Check that the role can reach nothing but the views.

    :raises ReaderRefused: every role can reach more in this database
    """
    found = [str(row[0]) for row in connection.execute(_REACHED, {"role": role})]
    if found:
        raise ReaderRefused(
            f"Every role of this database may use {', '.join(found)}. Revoke that from PUBLIC first, as a reader may use "
            "nothing but the schema `read`."
        )


def _without_temporary_tables(connection: psycopg.Connection) -> list[str]:
    """In its own temporary schema a role could make functions and fill the disk."""
    row = connection.execute(_TEMPORARY).fetchone()
    assert row is not None
    if not row[0]:
        return []
    database = sql.Identifier(str(row[1]))
    connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO CURRENT_USER").format(database))
    connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))
    left = connection.execute(_TEMPORARY).fetchone()
    if left is None or left[0]:
        raise ReaderRefused(
            "Every role of this database may make temporary tables, and POSTGRES_USER does not own the database. Its owner can "
            "run: REVOKE TEMPORARY ON DATABASE … FROM PUBLIC; GRANT TEMPORARY ON DATABASE … TO …; with the names of the "
            "database and of POSTGRES_USER."
        )
    return [
        "Only POSTGRES_USER may make temporary tables in this database now, no longer every role. Another role needs: "
        "GRANT TEMPORARY ON DATABASE …"
    ]


def _without_harmful_functions(connection: psycopg.Connection) -> list[str]:
    functions = [str(row[0]) for row in connection.execute(_HARMFUL)]
    if not functions:
        return []
    if connection.execute(_SUPERUSER).fetchone() != (True,):
        return [
            "The reader can call functions by which every role can stop consumers or fill the disk, since POSTGRES_USER is "
            "no superuser. docs/sql.md tells what a superuser can run."
        ]
    for function in functions:
        # As PostgreSQL itself wrote the name.
        name = sql.SQL(function)
        connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO CURRENT_USER").format(name))
        connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(name))
    return ["Only POSTGRES_USER and superusers may take advisory locks and make large objects in this database now."]
