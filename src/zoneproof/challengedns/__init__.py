"""The challenge service: registrations, zone, DNS answers and HTTP API."""
