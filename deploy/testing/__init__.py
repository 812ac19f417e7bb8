"""The pytest plugin: real servers per session, a clean deployment per test."""
