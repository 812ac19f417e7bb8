"""Long work as rows in a table: the queue, its worker, and jobs run in the foreground."""
