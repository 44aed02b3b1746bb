"""Tests of zoneproof.dnsquery, and what they share."""
