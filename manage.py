#!/usr/bin/env python
"""Django's command line for the whole project."""

from __future__ import annotations

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line, load_command_class


def main() -> None:
    """Run the command that the command line names."""
    if sys.argv[1:2] == ["version"]:
        # Django would print its own version, whatever command an app has under this name.
        django.setup()
        load_command_class("dataflow_site", "version").run_from_argv(sys.argv)
    else:
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dataflow_site.settings")
    try:
        main()
    except ImproperlyConfigured as error:
        sys.stderr.write(f"A setting is wrong: {error}\n")
        sys.exit(2)
