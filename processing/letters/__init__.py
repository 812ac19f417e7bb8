"""Dead letters: choose, show, redrive, edit, discard and export them. Imports no view, admin or command."""
