"""From checked trees to Python code: the fast twin of the interpreter. Imports `expressions` alone."""
