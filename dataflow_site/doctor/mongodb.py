"""MongoDB: its version, members, rights and collection, and whether the documents are there."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from dataflow_site.doctor import clocks
from dataflow_site.doctor.findings import Group, Said, error, right, warning
from processing.stores.mongodb.server import Answers, answers
from processing.supported_versions import MONGODB, parse, too_old

GROUP: Group[Answers] = Group("mongodb", answers, "Check MONGO_URI and MONGO_DATABASE, and start it.")


@GROUP.check("version", "It is of a supported version.")
def version(mongodb: Answers) -> Iterator[Said]:
    """The one that processing.supported_versions has."""
    found = mongodb.version()
    sentence = too_old(MONGODB, parse(found))
    yield error(sentence, "Upgrade MongoDB.") if sentence else right(f"Version {found}.")


@GROUP.check("members", "A member takes writes, and the others have copies.")
def members(mongodb: Answers) -> Iterator[Said]:
    """A single server has the only copy of the documents."""
    found = mongodb.members()
    if found.primary is None and found.is_set:
        yield error(
            "No member of the replica set is primary, so nothing can be written.",
            "rs.status() tells which members are away.",
        )
    elif found.away:
        yield warning(
            f"Members of the replica set are away: {', '.join(found.away)}.", "Start them; rs.status() tells why."
        )
    elif not found.is_set and not found.is_router and not settings.DEBUG:
        yield warning(
            "A single server holds the documents.", "Make it a replica set of three, or back it up (docs/backup.md)."
        )


@GROUP.check("rights", "The user may do what the product does.")
def rights(mongodb: Answers) -> Iterator[Said]:
    """A server without users lets everybody do everything."""
    missing = mongodb.missing_actions()
    if missing is None:
        if not settings.DEBUG:
            yield warning(
                "It takes every client, without a user.", "Start it with authorization, and put a user into MONGO_URI."
            )
    elif missing:
        yield error(
            f"The user may not {', '.join(missing)}.",
            f"use admin; db.grantRolesToUser('…', [{{role: 'readWrite', db: '{settings.MONGO_DATABASE}'}}])",
        )


@GROUP.check("collection", "The collection of documents is there.")
def collection(mongodb: Answers) -> Iterator[Said]:
    """It is made with its compression before the first document."""
    if not mongodb.has_collection():
        yield error("The collection events is missing.", "manage.py prepare_stores")


@GROUP.check("indexes", "No index slows every write.")
def indexes(mongodb: Answers) -> Iterator[Said]:
    """Documents are found by their ids alone."""
    for name in mongodb.further_indexes():
        yield warning(
            f"The index {name} slows every write, and the product never reads by it.", f"db.events.dropIndex('{name}')"
        )


@GROUP.check("restore", "No restore was left half done.")
def restore(mongodb: Answers) -> Iterator[Said]:
    """What `manage.py restore` notes before it exchanges the documents, and removes at its end."""
    backup = mongodb.interrupted_restore()
    if backup:
        yield error(
            f"A restore of the backup {backup} has begun and not ended.",
            "manage.py restore --from … (again, before any consumer starts)",
        )


@GROUP.check("clock", "Its clock is this machine's.")
def clock(mongodb: Answers) -> Iterator[Said]:
    """Repairs compare times with its own."""
    yield from clocks.compare("MongoDB", mongodb.clock)
