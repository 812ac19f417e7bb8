"""Writes of a batch to PostgreSQL; those to MongoDB are in the room mongodb."""
