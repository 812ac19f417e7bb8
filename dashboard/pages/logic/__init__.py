"""The pages of logic: rules and their editor, schemas, lookup tables, revisions, trials and replays."""
