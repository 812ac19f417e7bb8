"""Installs packages into a virtual environment; the standard library alone, since it runs before there is one."""
