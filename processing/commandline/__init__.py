"""What the commands of manage.py share: arguments, time ranges, progress, exit codes."""
