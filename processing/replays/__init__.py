"""What replays are asked to do, for commands, pages and the API; `recovery.replay` does it. Imports `jobs`."""
