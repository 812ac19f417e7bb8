"""From a text to the checked tree of an expression. Imports `expressions` alone."""
