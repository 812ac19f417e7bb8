"""Arguments and output of `manage.py dead_letters`."""
