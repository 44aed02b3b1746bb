"""Starts Pebble, Let's Encrypt's small CA for tests, with a TLS certificate made for it."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from zoneproof.core.errors import ZoneproofError
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

_HOST = "127.0.0.1"


def find_pebble() -> str:
    """Return Pebble's path: ``$ZONEPROOF_PEBBLE``, else ``pebble`` on PATH.

    Raises ZoneproofError with what to install.
    """
    named = os.environ.get("ZONEPROOF_PEBBLE", "")
    if named and os.access(named, os.X_OK):
        return named
    found = shutil.which("pebble")
    if found:
        return found
    raise ZoneproofError(
        "Pebble, the test CA, is not installed: install the 'pebble' package of Debian or Ubuntu,"
        " or set ZONEPROOF_PEBBLE to its path"
    )


class Pebble(BackgroundServer):
    """A Pebble on random loopback ports, with its files in ``folder``.

    ``config`` is merged into the ``pebble`` object of its configuration file; ``environment`` is
    for the ``PEBBLE_…`` variables.
    """

    def __init__(
        self,
        folder: Path,
        *,
        dns_server: str | None = None,
        strict: bool = False,
        config: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.management_port = free_port()
        self.http_port = free_port()  # where it asks for http-01 answers
        self.ca_bundle = folder / "pebble-tls-ca.pem"
        _write_tls_files(folder, self.ca_bundle)
        settings = {
            "listenAddress": f"{_HOST}:{self.port}",
            "managementListenAddress": f"{_HOST}:{self.management_port}",
            "certificate": str(folder / "pebble-tls.pem"),
            "privateKey": str(folder / "pebble-tls-key.pem"),
            "httpPort": self.http_port,
            "tlsPort": free_port(),
            "externalAccountBindingRequired": False,
            "retryAfter": {"authz": 1, "order": 1},
            "keyAlgorithm": "ecdsa",
            "profiles": {
                "default": {"description": "90 days", "validityPeriod": 7_776_000},
                "shortlived": {"description": "6 days", "validityPeriod": 518_400},
            },
            **(config or {}),
        }
        (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
        command = [find_pebble(), "-config", str(folder / "pebble.json")]
        if dns_server:
            command += ["-dnsserver", dns_server]
        if strict:
            command.append("-strict")
        super().__init__(
            "Pebble",
            command,
            r"ACME directory available at",
            listens_at=(_HOST, self.port),
            environment={
                "PEBBLE_VA_NOSLEEP": "1",
                "PEBBLE_WFE_NONCEREJECT": "5",
                "PEBBLE_AUTHZREUSE": "0",  # so that nearly every order publishes
                **(environment or {}),
            },
        )

    @property
    def directory_url(self) -> str:
        """The URL of its ACME directory."""
        return f"https://{_HOST}:{self.port}/dir"

    @property
    def management_url(self) -> str:
        """The URL below which it hands out its roots and takes test settings."""
        return f"https://{_HOST}:{self.management_port}"

    def has_reused_authorization(self) -> bool:
        """Tell whether its last lines have an order for which nothing had to be validated.

        ``PEBBLE_AUTHZREUSE=0`` makes that rare, not impossible: of a hundred orders for a name
        that the account has validated before, it takes the earlier authorization for one.
        """
        new_authorizations = 1
        for line in list(self.lines):
            if "POST /order-plz" in line:
                new_authorizations = 0
            elif "authorizations in the db" in line:
                new_authorizations += 1
            elif "orders in the db" in line and not new_authorizations:
                return True
        return False

    def is_stuck(self, seconds: float = 10.0) -> bool:
        """Tell whether it still answers, but nothing for which it looks at what it keeps.

        It can come to wait for itself, for good, when orders are created while others are
        validated: looking for an authorization to reuse, it holds the lock of its store and waits
        for one whose holder waits for that lock. Then only a fresh Pebble helps.
        """

        def answers(url: str) -> bool:
            context = ssl.create_default_context(cafile=self.ca_bundle)
            try:
                urllib.request.urlopen(url, context=context, timeout=seconds).close()  # noqa: S310
            except urllib.error.HTTPError as error:
                error.close()
            except OSError:
                return False
            return True

        stored = f"{self.management_url}/cert-status-by-serial/1"
        return not answers(stored) and answers(self.directory_url)


# Python 3.13 and newer trust no CA that does not say this of itself.
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _write_tls_files(folder: Path, ca_bundle: Path) -> None:
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Zoneproof demo TLS CA")])
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)

    def begin(subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
        )

    ca = (
        begin(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNS_CERTIFICATES, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), False)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        begin(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), key.public_key())
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ip_address(_HOST))]
            ),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False
        )
        .sign(ca_key, hashes.SHA256())
    )
    ca_bundle.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "pebble-tls.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    (folder / "pebble-tls-key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
