"""The peer's settings, from the environment."""

from __future__ import annotations

import os

KAFKA = os.environ["PEER_KAFKA"]
TOPIC = os.environ["PEER_TOPIC"]
GROUP = os.environ["PEER_GROUP"]
POSTGRES = os.environ["PEER_POSTGRES"]  # a connection string of libpq
MONGO = os.environ["PEER_MONGO"]
DATABASE = os.environ["PEER_DATABASE"]  # in MongoDB
