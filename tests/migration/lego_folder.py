"""lego's folder, written as the source of lego 4 and of lego 5.3 has it (cmd/internal)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.trees import ACCOUNT_URL, LETS_ENCRYPT, SECRET, certificate, write
from zoneproof.acme import AccountKey

LE_HOST = "acme-v02.api.letsencrypt.org"
EMAIL = "you@example.com"
KEY = AccountKey.generate()


def lego4(folder: Path, host: str = LE_HOST, uri: str = ACCOUNT_URL) -> Path:
    place = folder / "accounts" / host / EMAIL
    body = {"status": "valid", "contact": [f"mailto:{EMAIL}"]}
    write(place / "account.json", {"email": EMAIL, "registration": {"body": body, "uri": uri}})
    write(place / "keys" / f"{EMAIL}.key", KEY.to_pem())
    return place


def lego5(folder: Path, host: str = LE_HOST, **change: Any) -> Path:
    place = folder / "accounts" / host / "mine"
    content = {
        "id": "mine",
        "email": EMAIL,
        "keyType": "EC256",
        "server": LETS_ENCRYPT,
        "origin": "command",
        "registration": {"status": "valid", "accountURL": ACCOUNT_URL},
    }
    write(place / "account.json", {**content, **change})
    write(place / "mine.key", KEY.to_pem())
    return place


def one_certificate(folder: Path, name: str = "_.example.com", **resource: Any) -> Path:
    base = folder / "certificates" / name
    path = write(Path(f"{base}.crt"), certificate("*.example.com", "example.com", "192.0.2.1"))
    write(Path(f"{base}.issuer.crt"), certificate("issuer.example"))
    write(Path(f"{base}.key"), SECRET)
    url = "https://acme-v02.api.letsencrypt.org/acme/cert/1"
    write(
        Path(f"{base}.json"),
        {"domain": "*.example.com", "certUrl": url, "certStableUrl": url, **resource},
    )
    return path
