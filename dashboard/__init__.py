"""Pages for people and their live feed: pages, live -> panels."""
