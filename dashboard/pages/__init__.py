"""Server-rendered pages, each complete without JavaScript."""
