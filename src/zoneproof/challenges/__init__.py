"""One solver for each challenge type: what it publishes, waits for and removes."""
