"""The providers: one line for each, with its slug, its module and its class."""

from __future__ import annotations

from collections.abc import Mapping

MODULES: Mapping[str, str] = {
    "acme-dns": "acme_dns:AcmeDns",
    "challenge": "challenge:ChallengeService",
    "desec": "desec:Desec",
    "digitalocean": "digitalocean:DigitalOcean",
    "manual": "manual:Manual",
    "namecheap": "namecheap:Namecheap",
    "rfc2136": "rfc2136:Rfc2136",
    "script": "script:Script",
}
