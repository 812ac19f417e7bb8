"""Recognises a refused password or certificate of PostgreSQL, which does not pass by waiting.

Before a connection stands, the client raises the error of an outage, and the reason is in the text alone. The remedies name
settings and repeat nothing of the text.
"""

from __future__ import annotations

from django.db import connection

_USER = "check POSTGRES_USER and POSTGRES_PASSWORD"
_TRUST = "check POSTGRES_SSLMODE and POSTGRES_SSLROOTCERT"
# Parts of libpq's own messages, which the wheel of psycopg does not translate, and of those of a server in English.
_POSTGRESQL = {
    "password authentication failed": f"the user or password is refused: {_USER}",
    "no password supplied": f"a password is needed: {_USER}",
    # 'database "…" does not exist', and the same of a role.
    '" does not exist': "the database or the user does not exist: check POSTGRES_DB and POSTGRES_USER",
    "no pg_hba.conf entry": "this user, host or connection without TLS is refused: check POSTGRES_SSLMODE and pg_hba.conf",
    "certificate verify failed": f"its certificate is not trusted: {_TRUST}",
    "does not match host name": f"its certificate is for another host: {_TRUST}, and POSTGRES_HOST",
    "root certificate file": f"the file of trusted certificates can't be read: {_TRUST}",
    "server does not support SSL": "it has no TLS: check POSTGRES_SSLMODE",
    "requires a valid client certificate": "it wants our certificate: check POSTGRES_SSLCERT and POSTGRES_SSLKEY",
    "alert certificate required": "it wants our certificate: check POSTGRES_SSLCERT and POSTGRES_SSLKEY",
    "alert unknown ca": "it does not trust our certificate: check POSTGRES_SSLCERT and POSTGRES_SSLKEY",
}


def of_postgres(text: str) -> str | None:
    """Return what an operator should do about a failed connection; None: wait."""
    return next((remedy for part, remedy in _POSTGRESQL.items() if part in text), None)


def why_unavailable() -> str:
    """Return why PostgreSQL can't be used, as a sentence: Django's pool only reports that it has no connection."""
    client = connection.Database  # type: ignore[attr-defined]  # psycopg, as Django has it
    try:
        client.connect(**connection.get_connection_params()).close()
    except client.Error as error:
        remedy = of_postgres(str(error))
        if remedy:
            return f"PostgreSQL: {remedy}."
    return "PostgreSQL does not answer."
