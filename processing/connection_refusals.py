"""Recognises a refused password or certificate of PostgreSQL and MongoDB, which does not pass by waiting.

Before a connection stands, both clients raise the error of an outage, and the reason is in the text alone. The remedies name
settings and repeat nothing of the text.
"""

from __future__ import annotations

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
# Parts of OpenSSL's reasons in pymongo's messages. With pyOpenSSL they have blanks, with Python's ssl capitals and "_".
_MONGODB_TLS = ("certificate verify failed", "wrong version number", "alert certificate required", "alert unknown ca")
# https://www.mongodb.com/docs/manual/reference/error-codes/: AuthenticationFailed, Unauthorized
_MONGODB_USER = {13, 18}


def of_postgres(text: str) -> str | None:
    """Return what an operator should do about a failed connection; None: wait."""
    return next((remedy for part, remedy in _POSTGRESQL.items() if part in text), None)


def of_mongo(error: BaseException) -> str | None:
    """Return what an operator should do about an error of pymongo; None: it is about something else."""
    if type(error).__name__ == "InvalidURI":
        # Its text may hold a part of the password.
        return "MONGO_URI is no address of MongoDB: escape what is special in user and password"
    if getattr(error, "code", None) in _MONGODB_USER:
        return "the user or its rights are refused: check user, password and authSource in MONGO_URI"
    text = str(error).lower().replace("_", " ")
    if any(reason in text for reason in _MONGODB_TLS):
        return "its certificate is not trusted, or it does not trust ours: check the tls options of MONGO_URI"
    return None
