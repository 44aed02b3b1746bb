"""The configuration of a challenge service whose database providers write."""

from __future__ import annotations

CONFIG = """
database = "challenge.db"
[dns]
listen = ["127.0.0.1:0"]
[api]
listen = ["127.0.0.1:0"]
open_registration = true
[[zones]]
name = "auth.example.org"
nameservers = ["ns1.example.org"]
hostmaster = "hostmaster@example.org"
[[zones]]
name = "static.example.org"
nameservers = ["ns1.example.org"]
hostmaster = "hostmaster@example.org"
registrations = false
"""
