"""What every room may use: errors, names, times, text, files, TOML, concurrency, HTTP, programs."""
