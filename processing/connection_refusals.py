"""Recognises a refused user or certificate of MongoDB, which does not pass by waiting; PostgreSQL's are in `ingestion.management`.

Before a connection stands, the client raises the error of an outage, and the reason is in the text alone. The remedies name
settings and repeat nothing of the text.
"""

from __future__ import annotations

# Parts of OpenSSL's reasons in pymongo's messages. With pyOpenSSL they have blanks, with Python's ssl capitals and "_".
_MONGODB_TLS = ("certificate verify failed", "wrong version number", "alert certificate required", "alert unknown ca")
# https://www.mongodb.com/docs/manual/reference/error-codes/: AuthenticationFailed, Unauthorized
_MONGODB_USER = {13, 18}


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
