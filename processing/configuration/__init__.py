"""Configuration as code: sources and logic as YAML, exported, compared and applied. Imports `logic`."""
