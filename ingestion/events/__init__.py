"""The event contract: pure Python that parses, validates and identifies events. Imports no Django and no client library."""
