"""What logic costs: the logics that are compared, and their measurement. Imports the parts of the bench."""
