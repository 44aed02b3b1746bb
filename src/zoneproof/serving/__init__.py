"""Serving strangers, whatever is served: sockets, limits, HTTP connections, requests, answers."""
