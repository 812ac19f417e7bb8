"""Starts processes of the product in tests by forking a Python that has loaded their packages; imports no other room."""
