"""Trees of files as other clients write them, and certificates for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.self_signed import Key, self_signed
from zoneproof.acme import key_to_pem, make_key

SECRET = "s3cret-that-nobody-may-see"
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
ACCOUNT_URL = "https://acme-v02.api.letsencrypt.org/acme/acct/123"
REGISTRATION = {
    "fulldomain": "d420c923.auth.example.org",
    "subdomain": "d420c923",
    "username": "eabcdb41",
    "password": SECRET,
}


def write(path: Path, content: str | bytes | Mapping[str, Any]) -> Path:
    """Write a file, a mapping as JSON, and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Mapping):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def certificate(*names: str, key: Key | None = None) -> bytes:
    """Return a self-signed certificate for the names, as PEM."""
    return self_signed(*names, key=key, days=(0, 90))[0].public_bytes(Encoding.PEM)


def key_pair(*names: str) -> tuple[bytes, bytes]:
    """Return a certificate for the names and its key, both PEM."""
    key = make_key("ec256")
    return certificate(*names, key=key), key_to_pem(key)
