"""The admin of logic: revisions, a form for rules, schemas and lookup tables. Imports the rest of `admin`."""
