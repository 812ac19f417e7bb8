"""Logic over the API: the bodies that change it, and what is read of it. Imports `request` and `reads`."""
