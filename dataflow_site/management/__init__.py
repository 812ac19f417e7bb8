"""Commands of manage.py that are about the release as a whole."""
