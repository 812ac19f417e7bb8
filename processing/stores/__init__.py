"""Writes of a batch to PostgreSQL and MongoDB. The only package that imports pymongo."""
