"""Certificates at the CA: fetched, checked, revoked (RFC 8555 sections 7.4.2 and 7.6)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from zoneproof.acme.ari import RenewalInfo, cert_id, parse_renewal_info
from zoneproof.acme.csr import UNREADABLE, CertificateKey, public_der
from zoneproof.acme.http import links
from zoneproof.acme.jws import Signer
from zoneproof.acme.keys import base64url
from zoneproof.acme.messages import Order, not_acme
from zoneproof.acme.transport import Session
from zoneproof.core import times
from zoneproof.core.errors import AcmeError, AcmeProblemError, InvalidInputError, OrderFailedError
from zoneproof.core.names import Identifier
from zoneproof.core.text import sanitize

_LONGEST_CHAIN = 10


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
                f"the CA's certificate expired at {times.at(end)}: not using it; check this "
                f"machine's clock, which says {times.at(now)}"
            )


def parse_chain(body: bytes, url: str) -> CertificateChain:
    """Read a PEM chain. Raises AcmeConnectionError if it holds anything but certificates."""
    if body.count(b"-----BEGIN ") > _LONGEST_CHAIN:
        raise not_acme("a certificate chain", url, f"more than {_LONGEST_CHAIN} certificates")
    try:
        certificates = tuple(x509.load_pem_x509_certificates(body))
        chain = CertificateChain(certificates)
        if len(certificates) < body.count(b"-----BEGIN CERTIFICATE-----"):
            raise ValueError("it was cut off")
        _ = chain.names, chain.issuer, chain.top_issuer, chain.leaf.public_key()
        _ = chain.leaf.not_valid_before_utc, chain.leaf.not_valid_after_utc
    except UNREADABLE as error:
        # What the library says is long, and tells a programmer where to look.
        raise not_acme("a certificate chain", url, "it is not made of PEM certificates") from error
    return chain


def _common_name(name: x509.Name) -> str:
    attributes = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not attributes:
        return sanitize(name.rfc4514_string(), limit=200)
    value = attributes[0].value
    return sanitize(value if isinstance(value, str) else value.decode(errors="replace"), limit=200)


_MOST_ALTERNATES = 10
_REVOCATION_REASONS = (0, 1, 2, 3, 4, 5, 6, 8, 9, 10)  # RFC 5280 section 5.3.1


async def fetch(session: Session, order: Order, *, preferred_chain: str) -> CertificateChain:
    """Return the certificate of a valid order, with the preferred chain if the CA offers it."""
    if not order.certificate:
        raise AcmeError(
            f"{session.ca} has no certificate yet: the order is '{order.status}' ({order.url})"
        )
    reply = await session.post(order.certificate)
    chain = parse_chain(reply.body, reply.url)
    chain.require_identifiers(order.identifiers)
    chain.require_current(session.retries.now())
    if not preferred_chain or chain.leads_to(preferred_chain):
        return chain
    offered = [chain.top_issuer]
    alternates = links(reply.headers.get_list("Link"), "alternate", reply.url)
    for url in alternates[:_MOST_ALTERNATES]:
        other = parse_chain((await session.post(url)).body, url)
        if other.leaf != chain.leaf:
            continue
        if other.leads_to(preferred_chain):
            return other
        offered.append(other.top_issuer)
    return replace(chain, offered=tuple(dict.fromkeys(offered)))


async def revoke(
    session: Session, certificate: x509.Certificate, *, reason: int | None, signer: Signer | None
) -> None:
    """Revoke a certificate, as the account unless there is another signer. Twice is fine."""
    if reason is not None and reason not in _REVOCATION_REASONS:
        known = ", ".join(map(str, _REVOCATION_REASONS))
        raise InvalidInputError(f"{reason} is not a revocation reason: use {known}")
    url = session.offered((await session.directory()).revoke_cert, "revocation")
    payload: dict[str, Any] = {"certificate": base64url(certificate.public_bytes(Encoding.DER))}
    if reason is not None:
        payload["reason"] = reason
    try:
        reply = await session.post(url, payload, signer=signer)
        if reply.body.lstrip()[:1] == b"<":  # a gateway's page, whatever its status
            raise not_acme("an answer to the revocation", url, "it is HTML")
    except AcmeProblemError as error:
        if not error.is_type("alreadyRevoked"):
            raise


async def renewal_info(session: Session, certificate: x509.Certificate) -> RenewalInfo | None:
    """Ask when to renew the certificate (RFC 9773), unsigned; None if the CA never says."""
    base = (await session.directory()).renewal_info
    if not base:
        return None
    reply = await session.get(f"{base.rstrip('/')}/{cert_id(certificate)}")
    return parse_renewal_info(reply.body, reply.url, reply.headers, session.retries.now())
