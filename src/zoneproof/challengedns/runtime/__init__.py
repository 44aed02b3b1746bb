"""Running the service: sockets, privileges, workers, signals, checks, metrics."""
