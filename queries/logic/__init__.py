"""Logic over the API: the bodies that change it, what is read of it, and its units. Imports `request` and `reads`."""
