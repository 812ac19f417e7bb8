"""Asks MongoDB about itself, in connections of their own that wait a second at most."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from processing.errors import mongo_errors
from processing.stores.mongodb import raw_documents

_TIMEOUT = 1_000  # milliseconds
_NEEDED = ("find", "insert", "update", "remove", "createCollection")  # in the database


@dataclass(frozen=True, slots=True)
class Members:
    """Who holds the documents."""

    is_set: bool  # a replica set
    is_router: bool  # of a sharded cluster
    primary: str | None
    away: tuple[str, ...]  # members that do not answer the others


class Answers:
    """What `manage.py doctor` asks within one connection.

    Every call raises StoreUnavailable if MongoDB does not answer, and NeedsOperator if it refuses.
    """

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database

    def version(self) -> str:
        """Return the version."""
        return str(self._database.client.server_info()["version"])

    def members(self) -> Members:
        """Return who holds the documents, as the member that answers sees it."""
        hello = self._database.command("hello")
        return Members(
            is_set="setName" in hello,
            is_router=hello.get("msg") == "isdbgrid",
            primary=hello.get("primary"),
            away=self._away() if "setName" in hello else (),
        )

    def missing_actions(self) -> list[str] | None:
        """Return what the user may not do in the database; None: the server has no users."""
        status = self._database.command("connectionStatus", showPrivileges=True)["authInfo"]
        if not status["authenticatedUsers"]:
            return None
        found: set[str] = set()
        for privilege in status["authenticatedUserPrivileges"]:
            resource = privilege["resource"]
            in_database = resource.get("db") in ("", self._database.name) and resource.get("collection") in (
                "",
                "events",
            )
            if in_database or resource.get("anyResource"):
                found.update(privilege["actions"])
        return [action for action in _NEEDED if action not in found]

    def has_collection(self) -> bool:
        """Return whether there is the collection of documents."""
        return "events" in self._database.list_collection_names()

    def has_documents(self) -> bool:
        """Return whether any document exists."""
        return self._database["events"].find_one({}, {"_id": 1}) is not None

    def further_indexes(self) -> list[str]:
        """Return the indexes of the documents beside their ids."""
        return sorted(name for name in self._database["events"].index_information() if name != "_id_")

    def interrupted_restore(self) -> str | None:
        """Return the backup whose restore has begun and not ended."""
        return raw_documents.interrupted_in(self._database)

    def clock(self) -> datetime:
        """Return its time."""
        told = self._database.command("hello")["localTime"]
        assert isinstance(told, datetime)
        # A command's answer has no zone, whatever the client was told.
        return told.replace(tzinfo=UTC)

    def _away(self) -> tuple[str, ...]:
        try:
            status = self._database.client.admin.command("replSetGetStatus")
        except OperationFailure:
            return ()  # the user of the product need not be one who may see it
        return tuple(str(one["name"]) for one in status["members"] if one.get("health") != 1)


def version() -> str:
    """Return the version.

    :raises StoreUnavailable: MongoDB does not answer
    :raises NeedsOperator: it refuses
    """
    with answers() as mongodb:
        return mongodb.version()


@contextmanager
def answers() -> Iterator[Answers]:
    """Connect for the questions of `Answers`.

    :raises StoreUnavailable: MongoDB does not answer
    :raises NeedsOperator: it refuses
    """
    with mongo_errors():
        client: MongoClient[dict[str, Any]] = MongoClient(
            settings.MONGO_URI,
            serverSelectionTimeoutMS=_TIMEOUT,
            connectTimeoutMS=_TIMEOUT,
            socketTimeoutMS=5 * _TIMEOUT,
            appname="dataflow-doctor",
            # A set without a primary is told as such.
            readPreference="primaryPreferred",
        )
    try:
        with mongo_errors():
            database = client[settings.MONGO_DATABASE]
            database.command("ping")
            yield Answers(database)
    finally:
        client.close()


def tls_addresses() -> list[tuple[str, int, str, str]]:
    """Return host, port, file of authorities and file of our certificate and key, for each server that has TLS in MONGO_URI."""
    try:
        found = parse_uri(settings.MONGO_URI)
    except (PyMongoError, ValueError):
        return []  # another check tells
    options = found["options"]
    if not options.get("tls"):
        return []
    authority, both = str(options.get("tlsCAFile") or ""), str(options.get("tlsCertificateKeyFile") or "")
    return [(host, int(port or 27017), authority, both) for host, port in found["nodelist"]]
