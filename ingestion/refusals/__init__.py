"""Examples of what receivers refuse: what is kept of an attempt, whose it is, and the table. Imports no receiver."""
