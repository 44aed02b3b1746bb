"""The certificate chain that a CA hands out (RFC 8555 sections 7.4.2 and 9.1). No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from zoneproof import moments
from zoneproof.acme.csr import CertificateKey, public_der
from zoneproof.acme.messages import not_acme
from zoneproof.acme.text import shown
from zoneproof.errors import OrderFailedError
from zoneproof.names import Identifier

_LONGEST_CHAIN = 10
_UNREADABLE = (
    ValueError,
    TypeError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)


@dataclass(frozen=True)
class CertificateChain:
    """A certificate and those that issued it, up to but without the root.

    ``offered`` are the names of the roots to which the CA had chains, where one was preferred.
    """

    certificates: tuple[x509.Certificate, ...]
    offered: tuple[str, ...] = field(default=(), compare=False)

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate that was ordered."""
        return self.certificates[0]

    @property
    def pem(self) -> bytes:
        """All certificates, the ordered one first, as PEM."""
        return self.leaf_pem + self.issuers_pem

    @property
    def leaf_pem(self) -> bytes:
        """The ordered certificate as PEM."""
        return self.leaf.public_bytes(Encoding.PEM)

    @property
    def issuers_pem(self) -> bytes:
        """The certificates above the ordered one as PEM."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in self.certificates[1:])

    @property
    def names(self) -> tuple[str, ...]:
        """The host names and IP addresses on the certificate, in its order."""
        try:
            extension = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return ()
        return tuple(
            str(name.value)
            for name in extension.value
            if isinstance(name, (x509.DNSName, x509.IPAddress))
        )

    @property
    def issuer(self) -> str:
        """The name of the CA certificate that issued the ordered one."""
        return _common_name(self.leaf.issuer)

    @property
    def top_issuer(self) -> str:
        """The name of the issuer of the topmost certificate: the root's, in most chains."""
        return _common_name(self.certificates[-1].issuer)

    def leads_to(self, root: str) -> bool:
        """Tell whether the topmost certificate was issued by the root of that common name."""
        return self.top_issuer.casefold() == root.strip().casefold()

    def require_key(self, key: CertificateKey) -> None:
        """Raise OrderFailedError if the certificate is for another key than this."""
        self.require_public_key(public_der(key.public_key()))

    def require_public_key(self, wanted: bytes) -> None:
        """Raise OrderFailedError if the certificate is for another key (SubjectPublicKeyInfo)."""
        if wanted != public_der(self.leaf.public_key()):
            raise OrderFailedError(
                "the CA's certificate is not for our key: not using it; order again"
            )

    def require_identifiers(self, identifiers: tuple[Identifier, ...]) -> None:
        """Raise OrderFailedError if one of the identifiers is not on the certificate."""
        on_it = {name.lower() for name in self.names}
        missing = [one.value for one in identifiers if one.value not in on_it]
        if missing:
            raise OrderFailedError(
                f"the CA's certificate does not name {', '.join(missing[:10])}: not using it;"
                " order again"
            )

    def require_current(self, now: datetime) -> None:
        """Raise OrderFailedError if the certificate has expired."""
        end = self.leaf.not_valid_after_utc
        if end <= now:
            raise OrderFailedError(
                f"the CA's certificate expired at {moments.at(end)}: not using it; see whether"
                f" this machine's clock is right, which says {moments.at(now)}"
            )


def parse_chain(body: bytes, url: str) -> CertificateChain:
    """Read a PEM chain. Raises AcmeConnectionError if it holds anything that is no certificate."""
    if body.count(b"-----BEGIN ") > _LONGEST_CHAIN:
        raise not_acme("a certificate chain", url, f"more than {_LONGEST_CHAIN} certificates")
    try:
        certificates = tuple(x509.load_pem_x509_certificates(body))
        chain = CertificateChain(certificates)
        _ = chain.names, chain.issuer, chain.top_issuer, chain.leaf.public_key()
        _ = chain.leaf.not_valid_before_utc, chain.leaf.not_valid_after_utc
    except _UNREADABLE as error:
        # What the library says is long, and tells a programmer where to look.
        raise not_acme("a certificate chain", url, "it is not made of PEM certificates") from error
    return chain


def _common_name(name: x509.Name) -> str:
    attributes = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not attributes:
        return shown(name.rfc4514_string(), 200)
    value = attributes[0].value
    return shown(value if isinstance(value, str) else value.decode(errors="replace"), 200)
