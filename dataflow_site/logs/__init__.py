"""What every process logs, and how: lines for people or for programs. Imports the context of a request, nothing else."""
