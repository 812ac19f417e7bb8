"""The pages of dead letters: groups and lists, one letter, and what an operator does. Imports the frame, queries and processing."""
