"""The Django project: settings, checks, routes of the site and its logging. Alone in reading the environment."""
