"""Trees of files as other clients write them, and certificates for them."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

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


def certificate(
    *names: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None
) -> bytes:
    """Return a self-signed certificate for the names, as PEM."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=90))
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
