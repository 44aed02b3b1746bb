"""Certificates at the CA: fetched, revoked, asked about (RFC 8555 sections 7.4.2 and 7.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from zoneproof.acme.ari import RenewalInfo, cert_id, parse_renewal_info
from zoneproof.acme.chain import CertificateChain, parse_chain
from zoneproof.acme.headers import links
from zoneproof.acme.jws import Signer
from zoneproof.acme.messages import Order
from zoneproof.acme.session import Session
from zoneproof.challenges.token import base64url
from zoneproof.errors import AcmeError, AcmeProblemError, InvalidInputError

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
        raise InvalidInputError(f"{reason} is no reason to revoke a certificate: use {known}")
    url = session.offered((await session.directory()).revoke_cert, "revocation")
    payload: dict[str, Any] = {"certificate": base64url(certificate.public_bytes(Encoding.DER))}
    if reason is not None:
        payload["reason"] = reason
    try:
        await session.post(url, payload, signer=signer)
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
