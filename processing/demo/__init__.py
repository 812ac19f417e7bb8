"""A demo that every page has something to show of: sources that are well and ill, sent through the receivers; imports `jobs` and below."""
