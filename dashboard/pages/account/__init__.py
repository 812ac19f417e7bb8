"""Signing in and out, the password, the roles, and how a person wants to see the pages."""
