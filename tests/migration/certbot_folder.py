"""certbot's folder, written as certbot 5.8 writes it."""

from __future__ import annotations

import json
from pathlib import Path

from josepy.jwk import JWK

from tests.support.trees import ACCOUNT_URL, LETS_ENCRYPT, certificate, write
from zoneproof.migration.found import Found, FoundCertificate

HOST = "acme-v02.api.letsencrypt.org/directory"


def renewal(folder: Path, parameters: str, name: str = "example.com", more: str = "") -> None:
    """A certificate, as ``certbot certonly`` leaves it."""
    live = f"/etc/letsencrypt/live/{name}"
    write(
        folder / f"renewal/{name}.conf",
        f"version = 5.8.0\narchive_dir = /etc/letsencrypt/archive/{name}\n"
        f"cert = {live}/cert.pem\nprivkey = {live}/privkey.pem\nchain = {live}/chain.pem\n"
        f"fullchain = {live}/fullchain.pem\n\n# Options used in the renewal process\n"
        f"[renewalparams]\naccount = a1\nserver = {LETS_ENCRYPT}\n{parameters}\n{more}",
    )
    write(folder / f"archive/{name}/cert1.pem", certificate("example.com", "www.example.com"))
    link = folder / f"live/{name}/cert.pem"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"../../archive/{name}/cert1.pem")


def only(found: Found) -> FoundCertificate:
    assert len(found.certificates) == 1, found.problems
    return found.certificates[0]


def account(folder: Path, key: JWK, host: str = HOST, name: str = "a1") -> Path:
    place = folder / "accounts" / host / name
    write(place / "private_key.json", key.json_dumps())
    write(place / "regr.json", json.dumps({"body": {}, "uri": ACCOUNT_URL}))
    write(place / "meta.json", json.dumps({"creation_host": "here"}))
    return place
