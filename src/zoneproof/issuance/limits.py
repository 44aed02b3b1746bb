"""What single CAs put on a certificate: how many names, and whether IP addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zoneproof.acme import find_ca


@dataclass(frozen=True)
class Limits:
    """``what`` is the CA's profile, with a verb, for people."""

    what: str
    most_names: int = 100
    ip_addresses: bool = True


# No CA is known to take more; one that takes fewer says so itself.
_USUAL = Limits("CAs take")
# https://letsencrypt.org/docs/profiles/, August 2026. The empty name is the default profile.
_LETS_ENCRYPT: Mapping[str, Limits] = {
    "": Limits("Let's Encrypt takes", 100, ip_addresses=False),
    "classic": Limits("Let's Encrypt's profile classic takes", 100, ip_addresses=False),
    "tlsserver": Limits("Let's Encrypt's profile tlsserver takes", 25, ip_addresses=False),
    "shortlived": Limits("Let's Encrypt's profile shortlived takes", 25),
}


def find_limits(directory_url: str, profile: str) -> Limits:
    """Return what is known of the CA's profile; an empty ``directory_url`` is any CA."""
    if directory_url and find_ca(directory_url).name in ("letsencrypt", "letsencrypt-staging"):
        return _LETS_ENCRYPT.get(profile, _USUAL)
    return _USUAL
