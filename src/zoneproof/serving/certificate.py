"""The certificate and key that a server shows, as files."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from zoneproof.core.errors import ConfigError
from zoneproof.core.files import read_file


@dataclass(frozen=True)
class KeyPair:
    """PEM files: the certificate with its chain, and its private key."""

    certificate: Path
    key: Path
    is_self_signed: bool = False

    def use_in(self, context: ssl.SSLContext) -> None:
        """Let a context use what the files hold now.

        Raises ConfigError if that cannot be; the context then is as it was.
        """
        _load(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), self)
        _load(context, self)

    @property
    def is_usable(self) -> bool:
        """Whether both can be read and belong together."""
        try:
            self.use_in(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
            self.leaf()
        except ConfigError:
            return False
        return True

    def leaf(self) -> x509.Certificate:
        """Return the certificate. Raises ConfigError."""
        try:
            return x509.load_pem_x509_certificate(read_file(self.certificate))
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read the certificate {self.certificate}: {error}") from error

    def names(self) -> frozenset[str]:
        """Return the DNS names on the certificate, without wildcards. Raises ConfigError."""
        try:
            found = self.leaf().extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except (x509.ExtensionNotFound, ValueError):
            return frozenset()
        names = found.value.get_values_for_type(x509.DNSName)
        return frozenset(name.lower() for name in names if not name.startswith("*"))

    def expires_at(self) -> float:
        """Return when the certificate expires, in seconds since 1970. Raises ConfigError.

        A self-signed one, which no client trusts, is as good as one that expired in 1970.
        """
        return 0.0 if self.is_self_signed else self.leaf().not_valid_after_utc.timestamp()


def _load(context: ssl.SSLContext, pair: KeyPair) -> None:
    what: str | None = None
    try:
        for file in (pair.certificate, pair.key):
            what = str(file)
            read_file(file)  # because OpenSSL would wait for a pipe
        what = None
        # An empty password fails for an encrypted key, where none would ask at the terminal.
        context.load_cert_chain(pair.certificate, pair.key, password=lambda: "")
    except OSError as error:
        what = _fault_of(pair) if what is None else f"{what}: {error.strerror}"
        raise ConfigError(
            f"cannot use the certificate {pair.certificate} with the key {pair.key}: {what}"
        ) from error


def _fault_of(pair: KeyPair) -> str:
    """Return why OpenSSL cannot use two files that can be read."""
    try:
        certificate = x509.load_pem_x509_certificate(read_file(pair.certificate)).public_key()
    except (OSError, ValueError, UnsupportedAlgorithm):
        return f"{pair.certificate} is not a PEM certificate"
    try:
        key = load_pem_private_key(read_file(pair.key), None).public_key()
    except TypeError:
        return "the key has a password: store it without one, as 'openssl pkey' does"
    except (OSError, ValueError, UnsupportedAlgorithm):
        return f"{pair.key} is not a PEM private key"
    if key != certificate:
        return "the key is not this certificate's own"
    return "OpenSSL refuses them: use a stronger key, or another kind"
