"""The API of logic and of the configuration. Needs a key with the scope `admin` for all sources."""
