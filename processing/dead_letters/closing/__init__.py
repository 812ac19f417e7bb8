"""Close dead letters unprocessed, and open them again. Imports the filters and jobs of dead letters."""
