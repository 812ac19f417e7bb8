"""Commands of manage.py that show what pages show."""
