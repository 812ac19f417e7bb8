"""The saved revisions of logic: checked, compared, saved, activated, loaded. Imports the rest of `logic` and `ledger`."""
